"""The odd tokens: that they are as odd as they have to be."""

import pytest
from web3 import Web3
from web3.exceptions import BadFunctionCallOutput
from web3.types import RPCEndpoint

from tests.contracts.deploying import deploy
from tests.dev.contracts.contract_calls import PAYEE, PAYER, STRANGER, call, refusing, send


@pytest.mark.parametrize("decimals", [0, 18, 24])
def test_plain_token_has_its_decimals(w3: Web3, decimals: int) -> None:
    assert call(deploy(w3, "PlainToken", decimals).functions.decimals()) == decimals


def test_silent_token_returns_nothing(w3: Web3) -> None:
    token = deploy(w3, "SilentToken")
    send(token.functions.mint(PAYER, 5), STRANGER)
    data = token.encode_abi("transfer", [PAYEE, 2])
    assert bytes(w3.eth.call({"from": PAYER, "to": token.address, "data": data})) == b""
    send(token.functions.transfer(PAYEE, 2), PAYER)
    assert call(token.functions.balanceOf(PAYEE)) == 2


def test_fee_token_keeps_a_tenth(w3: Web3) -> None:
    token = deploy(w3, "FeeToken")
    send(token.functions.mint(PAYER, 1000), STRANGER)
    send(token.functions.transfer(PAYEE, 1000), PAYER)
    assert call(token.functions.balanceOf(PAYEE)) == 900


def test_blacklisting_token_neither_takes_from_nor_gives_to_who_is_listed(w3: Web3) -> None:
    token = deploy(w3, "BlacklistingToken")
    send(token.functions.mint(PAYER, 10), STRANGER)
    send(token.functions.list(PAYEE, True), STRANGER)
    with refusing("listed"):
        call(token.functions.transfer(PAYEE, 1), PAYER)
    send(token.functions.list(PAYER, True), STRANGER)
    with refusing("listed"):
        call(token.functions.transfer(STRANGER, 1), PAYER)


BALANCE, BURNS_GAS, MEGABYTE, NOTHING = range(4)


def test_hostile_token_answers_as_it_is_told(w3: Web3) -> None:
    token = deploy(w3, "HostileToken")
    data = token.encode_abi("balanceOf", [PAYER])
    question = {"to": token.address, "data": data, "gas": hex(1_000_000)}

    def answer() -> str:
        reply = w3.provider.make_request(RPCEndpoint("eth_call"), [question, "latest"])
        return str(reply["error"]["message"] if "error" in reply else reply["result"])

    assert int(answer(), 16) == 0
    send(token.functions.behave(BURNS_GAS), PAYER)
    assert "gas" in answer()
    send(token.functions.behave(NOTHING), PAYER)
    assert answer() == "0x"
    with pytest.raises(BadFunctionCallOutput):
        call(token.functions.balanceOf(PAYER))
    send(token.functions.behave(MEGABYTE), PAYER)
    question["gas"] = hex(20_000_000)
    assert len(answer()) == 2 + 2 * 2**20
