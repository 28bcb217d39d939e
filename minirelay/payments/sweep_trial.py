"""Trying a sweep without sending it: does what lies at an address reach the payee? (spec 06)

`processPayment` never reverts, so its own success says nothing. One call asks for what lies there, for the
payee's balance, sweeps, and asks for the payee's balance again: one of Multicall3, or, where that is not, one
that runs code of ours without a contract (`protocol.trial_code`).
"""

from collections.abc import Callable, Sequence
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ContractFault, Reverted
from minirelay.chain.question import Question
from minirelay.errors import MalformedInput
from minirelay.payments.contract_probes import control_call
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.json_rpc import Request, read_data, write_data
from minirelay.protocol.multicall import (
    GAS_PER_CALL,
    balance_call,
    decode_amounts,
    encode_aggregate,
    most_bytes,
)
from minirelay.protocol.payments_contract import PROCESS_PAYMENT
from minirelay.protocol.trial_code import (
    AMOUNTS,
    CREATION_GAS,
    MOST_BYTES,
    RUNS,
    decode_trial,
    encode_trial,
)
from minirelay.shop.payment_request import PaymentRequest, abi_values

TRIED_AT_ONCE: Final = 20
TRANSACTION_GAS: Final = 21_000
DATA_GAS: Final = 16
"""Of a transaction, before anything is run; of each byte of its data at most."""

_CALLS: Final = 4

Trial = tuple[PaymentRequest, bytes, int]
"""A request, its address, and the gas that its transaction would have."""

_Amounts = tuple[int | None, ...]


async def reach_payees(
    chain: Chain, payments: bytes, multicall: bytes, trials: Sequence[Trial]
) -> list[bool | None]:
    """Return of each whether all that lies at its address reaches its payee, at the newest block.

    payments, multicall: addresses of the contracts. None: this chain's endpoint can't try it. Raises
    ChainUnreachable.
    """
    is_multicall = await has_code(chain, multicall)
    reached: list[bool | None] = []
    for start in range(0, len(trials), TRIED_AT_ONCE):
        some = trials[start : start + TRIED_AT_ONCE]
        if is_multicall:
            questions = [_try(payments, multicall, one) for one in some]
            answers = await chain.ask_about(questions, control_call(payments))
            reached += [_is_reached(one) for one in answers]
        else:
            reached += await _try_without_contract(chain, payments, some)
    return reached


async def _try_without_contract(chain: Chain, payments: bytes, trials: Sequence[Trial]) -> list[bool | None]:
    """Try some where there is no Multicall3. Not every endpoint runs code that is no contract's."""
    questions = [_RUNS, *[_run(payments, one) for one in trials]]
    runs, *answers = await chain.ask_about(questions, control_call(payments))
    return [_is_reached(one) if runs == (1,) else None for one in answers]


def _run(payments: bytes, trial: Trial) -> Question[_Amounts]:
    request, address, gas = trial
    calldata = PROCESS_PAYMENT.encode(abi_values(request), request.payee)
    # No more for the sweep than its transaction will have: that pays for its data, too.
    sweep_gas = gas - TRANSACTION_GAS - DATA_GAS * len(calldata)
    code = encode_trial(request.currency, address, request.payee, payments, calldata, max(0, sweep_gas))
    return _run_code(code, gas + AMOUNTS * GAS_PER_CALL + CREATION_GAS, MOST_BYTES, decode_trial)


def _run_code(
    code: bytes, gas: int, most: int, decode: Callable[[bytes], Sequence[int]]
) -> Question[_Amounts]:
    call = {"data": write_data(code), "gas": hex(gas)}

    def read(result: object) -> _Amounts:
        return tuple(decode(read_data(result)))

    return Question(Request("eth_call", [call, "latest"], most), read)


def _read_word(data: bytes) -> Sequence[int]:
    if len(data) != WORD_BYTES:
        raise MalformedInput("not one word")
    return (int.from_bytes(data),)


_RUNS: Final = _run_code(RUNS, CREATION_GAS, WORD_BYTES, _read_word)


def _try(payments: bytes, multicall: bytes, trial: Trial) -> Question[_Amounts]:
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

    def read(result: object) -> _Amounts:
        lying, before, _, after = decode_amounts(read_data(result), _CALLS)
        return lying, before, after

    return Question(Request("eth_call", [call, "latest"], most_bytes(_CALLS)), read)


def _is_reached(answer: _Amounts | Reverted | ContractFault) -> bool:
    if not isinstance(answer, tuple):
        return False
    lying, before, after = answer
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
