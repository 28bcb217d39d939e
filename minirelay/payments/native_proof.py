"""Whether a PaymentMade proves a payment (spec 06 "What counts as paid").

For a token it does. For the native coin it doesn't: anybody can make the deployed contract emit it without
paying. Three rules say when it counts all the same:

1. the transaction itself is a call of Payments that pays this request in coins;
2. the contract says that a payment address of this request has paid: only its sweeper can;
3. a smart wallet paid (`wallet_proof.py`).

Rule 1 is tried for all events before rule 3 for any. "Not proven" is no end: a later event or a balance may
still settle.
"""

from collections.abc import AsyncIterator, Sequence
from enum import Enum
from typing import Final

import msgspec

from minirelay.chain.errors import AnswerTooLong
from minirelay.chain.findings import ChainReader, FoundLog
from minirelay.chain.question import Question
from minirelay.payments.bounded_memory import BoundedMemory
from minirelay.payments.payment_calls import read_payment_call
from minirelay.payments.proof_questions import ask_words, has_paid
from minirelay.payments.transaction_records import MAX_CANDIDATES, Transaction, read_transaction
from minirelay.payments.wallet_proof import WalletProver
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, write_data
from minirelay.shop.payment_request import PaymentRequest, payment_address, payment_id

BATCH: Final = 16
"""Transactions asked for together: all of them, as long as they may be, are within what an answer may."""

MOST_REMEMBERED: Final = 4096
"""What calls do for a request, remembered so that a poll goes on where the last one had to stop."""


class Rule(Enum):
    """Why an event counts."""

    EVENT = "of a token"
    CALL = "rule 1"
    SWEEPER = "rule 2"
    WALLET = "rule 3"


class Proof(msgspec.Struct, frozen=True):
    """An event that counts. payer: who paid, 20 bytes; None where nobody had to be asked."""

    event: FoundLog
    rule: Rule
    payer: bytes | None = None


class _Effect(msgspec.Struct, frozen=True, gc=False):
    """What a call does for one request. refunds: with which it sweeps addresses, MAX_CANDIDATES at most."""

    pays: bool = False
    refunds: tuple[bytes, ...] = ()


_NOTHING: Final = _Effect()


class NativeProver:
    """Proves payments on one chain."""

    def __init__(self, chain_id: int, payments: bytes, permit2: bytes, creation_code: bytes) -> None:
        """payments, permit2: addresses, 20 bytes. creation_code: see `creation_code_of`."""
        self._payments = payments
        self._creation_code = creation_code
        self._wallets = WalletProver(chain_id, payments, permit2)
        self._effects: BoundedMemory[tuple[bytes, bytes], _Effect] = BoundedMemory(MOST_REMEMBERED)

    async def prove(
        self, request: PaymentRequest, events: Sequence[FoundLog], reader: ChainReader, at: BlockId
    ) -> Proof | None:
        """Return the proof that a request was paid; None if its events prove nothing.

        events: PaymentMade with the request's id, of the Payments contract, from blocks not below the head
        when it was issued. at: a canonical block, not before any of theirs, whose state can be had. Raises
        NodeRefused, ChainUnreachable, BudgetSpent: nothing is known; the next call goes on where this ended.
        """
        if not events:
            return None
        if request.currency != NATIVE_COIN:
            return Proof(events[0], Rule.EVENT)
        effects = await self._effects_on(request, events, reader)
        for event, effect in zip(events, effects, strict=True):
            # A transaction that failed has no events, so this one succeeded.
            if effect.pays:
                return Proof(event, Rule.CALL)
        swept = await self._find_swept(request, events, effects, reader, at)
        return swept or await self._find_wallet(request, events, reader, at)

    # -- rule 1

    async def _effects_on(
        self, request: PaymentRequest, events: Sequence[FoundLog], reader: ChainReader
    ) -> list[_Effect]:
        """Return what the transaction of each event does for a request, as far as its call data says it."""
        request_id = payment_id(request)
        found = {
            one.transaction_hash: self._effects.get((one.transaction_hash, request_id)) for one in events
        }
        # Those of one transaction are in one block.
        unknown = list(
            {one.transaction_hash: one for one in events if found[one.transaction_hash] is None}.values()
        )
        for begin in range(0, len(unknown), BATCH):
            async for event, transaction in _ask_transactions(unknown[begin : begin + BATCH], reader):
                effect = self._effect_of(transaction, request)
                found[event.transaction_hash] = effect
                self._effects.put((event.transaction_hash, request_id), effect)
        return [found[event.transaction_hash] or _NOTHING for event in events]

    def _effect_of(self, transaction: Transaction | None, request: PaymentRequest) -> _Effect:
        if transaction is None or transaction.to != self._payments:
            return _NOTHING
        call = read_payment_call(transaction.calldata)
        return _Effect(call.pays_natively(request), tuple(call.refunds_of(request)[:MAX_CANDIDATES]))

    # -- rule 2

    async def _find_swept(
        self,
        request: PaymentRequest,
        events: Sequence[FoundLog],
        effects: Sequence[_Effect],
        reader: ChainReader,
        at: BlockId,
    ) -> Proof | None:
        swept = {
            refund: event
            for event, effect in reversed(list(zip(events, effects, strict=True)))
            for refund in effect.refunds
        }
        # Customers are told the address whose refunds go to the payee, and contracts can sweep it, too.
        refunds = list(dict.fromkeys([request.payee, *swept]))[:MAX_CANDIDATES]
        addresses = [
            payment_address(request, self._payments, self._creation_code, refund) for refund in refunds
        ]
        words = await ask_words(reader, at, [has_paid(self._payments, one, request) for one in addresses])
        for refund, address, word in zip(refunds, addresses, words, strict=True):
            if word == 1:
                return Proof(swept.get(refund, events[0]), Rule.SWEEPER, address)
        return None

    # -- rule 3

    async def _find_wallet(
        self, request: PaymentRequest, events: Sequence[FoundLog], reader: ChainReader, at: BlockId
    ) -> Proof | None:
        for event in events:
            payer = await self._wallets.find_payer(request, event, reader, at)
            if payer is not None:
                return Proof(event, Rule.WALLET, payer)
        return None


async def _ask_transactions(
    events: Sequence[FoundLog], reader: ChainReader
) -> AsyncIterator[tuple[FoundLog, Transaction | None]]:
    """Ask for the transactions of events; None for one that is too long, as strangers can make them."""
    answers = await reader.request_unless_long([_transaction_of(event) for event in events])
    too_long = []
    for event, answer in zip(events, answers, strict=True):
        if not isinstance(answer, AnswerTooLong):
            yield event, answer
        elif len(events) == 1:
            yield event, None
        else:
            too_long.append(event)
    # Perhaps they are so together only.
    for event in too_long:
        async for found in _ask_transactions([event], reader):
            yield found


def _transaction_of(event: FoundLog) -> Question[Transaction]:
    request = Request("eth_getTransactionByHash", [write_data(event.transaction_hash)])
    return Question(request, lambda result: read_transaction(result, event.block))
