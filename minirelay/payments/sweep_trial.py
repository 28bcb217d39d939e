"""Trying a sweep without sending it: does what lies at an address reach the payee? (spec 06)

`processPayment` never reverts, so its own success says nothing. One call of Multicall3 asks for what lies
there, for the payee's balance, sweeps, and asks for the payee's balance again.
"""

from collections.abc import Sequence
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ContractFault, Reverted
from minirelay.chain.question import Question
from minirelay.errors import MalformedInput
from minirelay.payments.contract_probes import control_call
from minirelay.protocol.json_rpc import Request, read_data, write_data
from minirelay.protocol.multicall import (
    GAS_PER_CALL,
    balance_call,
    decode_amounts,
    encode_aggregate,
    most_bytes,
)
from minirelay.protocol.payments_contract import PROCESS_PAYMENT
from minirelay.shop.payment_request import PaymentRequest, abi_values

TRIED_AT_ONCE: Final = 20
_CALLS: Final = 4

Trial = tuple[PaymentRequest, bytes, int]
"""A request, its address, and the gas that its transaction would have."""


async def reach_payees(
    chain: Chain, payments: bytes, multicall: bytes, trials: Sequence[Trial]
) -> list[bool]:
    """Return of each whether all that lies at its address reaches its payee, at the newest block.

    payments, multicall: addresses of the contracts. Raises ChainUnreachable.
    """
    reached: list[bool] = []
    for start in range(0, len(trials), TRIED_AT_ONCE):
        questions = [_try(payments, multicall, one) for one in trials[start : start + TRIED_AT_ONCE]]
        answers = await chain.ask_about(questions, control_call(payments))
        reached += [_is_reached(one) for one in answers]
    return reached


def _try(payments: bytes, multicall: bytes, trial: Trial) -> Question[list[int | None]]:
    request, address, gas = trial
    calls = [
        balance_call(request.currency, address, multicall),
        balance_call(request.currency, request.payee, multicall),
        (payments, PROCESS_PAYMENT.encode(abi_values(request), request.payee)),
        balance_call(request.currency, request.payee, multicall),
    ]
    call = {
        "to": write_data(multicall),
        "data": write_data(encode_aggregate(calls)),
        # No more for the sweep than its transaction will have.
        "gas": hex(gas + (_CALLS - 1) * GAS_PER_CALL),
    }

    def read(result: object) -> list[int | None]:
        return decode_amounts(read_data(result), _CALLS)

    return Question(Request("eth_call", [call, "latest"], most_bytes(_CALLS)), read)


def _is_reached(answer: list[int | None] | Reverted | ContractFault) -> bool:
    if not isinstance(answer, list):
        return False
    lying, before, _, after = answer
    if lying is None or before is None or after is None:
        return False
    return 0 < lying == after - before


async def has_code(chain: Chain, address: bytes) -> bool:
    """Return whether there is a contract at an address. Raises ChainUnreachable."""

    def read(result: object) -> bool:
        code = read_data(result)
        if len(code) > _MOST_CODE:
            raise MalformedInput("more code than a contract can have")
        return bool(code)

    return await chain.request("eth_getCode", [write_data(address), "latest"], read, data_bytes=_MOST_CODE)


_MOST_CODE: Final = 24_576
