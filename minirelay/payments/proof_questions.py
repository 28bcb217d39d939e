"""What Payments and Permit2 are asked about who paid. They are known, so each answer is one word."""

from collections.abc import Sequence
from typing import Final

from minirelay.chain.chain import MAX_QUESTIONS
from minirelay.chain.errors import Reverted
from minirelay.chain.findings import ChainReader
from minirelay.chain.question import Question
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, read_data, write_data
from minirelay.protocol.payments_contract import HAS_PAYMENT_BEEN_MADE, NONCE_BITMAP
from minirelay.shop.payment_request import PaymentRequest, abi_values

Word = Question[int | None]

PERMIT_BIT: Final = 1
"""In word 0 of Permit2's bitmaps: the nonce with which the deployed contract redeems all permits, 0."""


def has_paid(payments: bytes, payer: bytes, request: PaymentRequest) -> Word:
    """Ask whether Payments (its address) has recorded that this address paid this request: 1 then."""
    return _call(payments, HAS_PAYMENT_BEEN_MADE.encode(payer, abi_values(request)))


def used_nonces(permit2: bytes, owner: bytes) -> Word:
    """Ask which of its first 256 nonces an owner has used up: a bit each."""
    return _call(permit2, NONCE_BITMAP.encode(owner, 0))


async def ask_words(reader: ChainReader, at: BlockId, questions: Sequence[Word]) -> list[int | None]:
    """Ask at one block; None where a contract reverts or is not there. Raises like the reader."""
    words: list[int | None] = []
    for begin in range(0, len(questions), MAX_QUESTIONS):
        answers = await reader.request_many(questions[begin : begin + MAX_QUESTIONS], at)
        words += [None if isinstance(answer, Reverted) else answer for answer in answers]
    return words


def _call(to: bytes, data: bytes) -> Word:
    call = {"to": write_data(to), "data": write_data(data)}
    return Question(Request("eth_call", [call], WORD_BYTES), _read_word)


def _read_word(result: object) -> int | None:
    data = read_data(result)
    return int.from_bytes(data) if len(data) == WORD_BYTES else None
