"""What tokens and payees are asked before anything is paid to them (spec 06 "Payment choice", 07).

All of them are contracts that strangers choose: they are given little gas, their answers have a bound, and
what is wrong with them is never taken for a failure of the endpoint.
"""

import logging
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ContractFault, Reverted
from minirelay.chain.question import Question
from minirelay.errors import MalformedInput
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.erc20 import APPROVE, DECIMALS, MOST_BYTES, TRANSFER
from minirelay.protocol.json_rpc import Request, read_data, write_data
from minirelay.protocol.signing import checksum_address, keccak256
from minirelay.shop.checkout_facts import TokenFacts

log = logging.getLogger(__name__)

PAYEE_GAS: Final = 23_300
"""What a transfer of the Payments contract has: 21,000, and the 2,300 that the payee gets (spec 06)."""

TOKEN_GAS: Final = 200_000
"""Enough for proxies and for tokens that compute their balances; too little to keep an endpoint busy."""

NOBODY: Final = keccak256(b"minirelay: an address without code")[-20:]
"""Stands for a payment address, which has no code and no past either, and takes every transfer."""

_TRUE: Final = (1).to_bytes(WORD_BYTES)
_MOST_DECIMALS: Final = 255


async def read_token(chain: Chain, payments: bytes, token: bytes, payee: bytes) -> TokenFacts:
    """Ask a token for its decimals, and simulate what moves it on from a payment address.

    payments: address of the Payments contract. payee: who may be paid in it. It is not payable if a call
    succeeds and does not return true; a revert says nothing. Raises ChainUnreachable.
    """
    calls = (
        (NOBODY, DECIMALS.encode()),
        (NOBODY, APPROVE.encode(payments, 1)),
        (NOBODY, TRANSFER.encode(payee, 0)),
    )
    questions = [_call(sender, token, TOKEN_GAS, data) for sender, data in calls]
    decimals, *moves = await chain.ask_about(questions, control_call(payments))
    for move in moves:
        if isinstance(move, Reverted | ContractFault):
            log.warning(
                "a token could not be tried: perhaps it can't be moved on from where it is paid to",
                extra={"chain": chain.chain_id, "token": checksum_address(token), "reason": str(move)},
            )
    return TokenFacts(_decimals(decimals), all(map(_moves, moves)))


async def takes_coin(chain: Chain, payments: bytes, payee: bytes) -> bool:
    """Return whether a payee takes the chain's coin with the gas that the Payments contract leaves it.

    Raises ChainUnreachable.
    """
    (answer,) = await chain.ask_about([_call(payments, payee, PAYEE_GAS)], control_call(payments))
    return isinstance(answer, bytes)


def control_call(payments: bytes) -> Question[object]:
    """Make the call that works wherever calls work: a transfer of nothing to an address without an owner."""
    return Question(_call(payments, NOBODY, PAYEE_GAS).request, read_data)


def _call(sender: bytes, to: bytes, gas: int, data: bytes = b"") -> Question[bytes]:
    call = {"from": write_data(sender), "to": write_data(to), "gas": hex(gas), "value": "0x0"}
    request = Request("eth_call", [call | {"data": write_data(data)}, "latest"], MOST_BYTES)
    return Question(request, _read_short)


def _read_short(result: object) -> bytes:
    data = read_data(result)
    if len(data) > MOST_BYTES:
        raise MalformedInput(f"more than {MOST_BYTES} bytes")
    return data


def _decimals(answer: bytes | Reverted | ContractFault) -> int | None:
    if not isinstance(answer, bytes):
        return None
    try:
        (decimals,) = DECIMALS.decode(answer)
    except MalformedInput:
        return None
    return decimals if decimals <= _MOST_DECIMALS else None


def _moves(answer: bytes | Reverted | ContractFault) -> bool:
    # Longer answers are read by their first word, as contracts do.
    return not isinstance(answer, bytes) or answer[:WORD_BYTES] == _TRUE
