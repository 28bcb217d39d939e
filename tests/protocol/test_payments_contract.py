"""The functions about payment requests are those of spec 07."""

from minirelay.protocol import payments_contract
from minirelay.protocol.answer_bounds import WORD_BYTES

REQUEST = "(uint256,uint256,bytes32,address,uint256,address,bool,uint256,bytes)"


def test_functions_are_those_of_the_contract() -> None:
    assert payments_contract.GET_PAYMENT_ID.inputs == (REQUEST,)
    assert payments_contract.GET_PAYMENT_ID.outputs == ("uint256",)
    assert payments_contract.GET_PAYMENT_ADDRESS.inputs == (REQUEST, "address")
    assert payments_contract.GET_PAYMENT_ADDRESS.outputs == ("address",)
    assert payments_contract.GET_BYTECODE.inputs == (REQUEST, "address")
    assert payments_contract.GET_BYTECODE.outputs == ("bytes",)


def test_init_code_is_bounded_and_all_else_is_a_word() -> None:
    assert 24_576 < payments_contract.GET_BYTECODE.most_bytes < 34_000
    assert payments_contract.GET_PAYMENT_ID.most_bytes == WORD_BYTES
    assert payments_contract.GET_PAYMENT_ADDRESS.most_bytes == WORD_BYTES
