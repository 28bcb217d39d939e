"""Payments that are so large that one endpoint's word is not enough (spec 07 "Heads", "Endpoints fail")."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from minirelay.chain.errors import BudgetSpent
from minirelay.chain.findings import ChainReader, Findings, PollReader
from minirelay.errors import ChainError
from minirelay.payments.evidence import PaidIn
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.second_word import Word, ask_again
from minirelay.payments.states import SETTLES
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.protocol.block_id import BlockId

log = logging.getLogger(__name__)

ASKED_AGAIN_S: Final = 30
"""An endpoint that is behind, or says no, is asked again so much later."""


class LargeTotal(msgspec.Struct, frozen=True):
    """From which sum on, in units of its currency, a second word is needed; and how deep its block is."""

    amount: int
    confirmations: int = 1


class _Asked(msgspec.Struct, frozen=True):
    """What was asked about, and what came of it. at: epoch seconds."""

    paid_in: PaidIn
    word: Word
    at: int


class LargePayments:
    """Those of one chain, held back until their block is deep enough and two endpoints have said the same.

    Where there is one endpoint only, its word has to do.
    """

    def __init__(self, totals: Mapping[bytes, LargeTotal], tolerance: int = 0) -> None:
        """totals: by currency, 20 bytes. tolerance: per mille of a total that may be missing."""
        self._totals = totals
        self._tolerance = tolerance
        self._waiting: dict[bytes, _Asked | None] = {}

    def is_held(self, one: WatchedPayment, head: int) -> bool:
        """Return whether what pays a request is not to count yet. head: number of the newest block."""
        paid_in = self._paid_in(one)
        if paid_in is None:
            return False
        asked = self._waiting.get(one.id)
        is_vouched = asked is not None and asked.paid_in == paid_in and asked.word is Word.YES
        return not is_vouched or not self._is_deep(one, paid_in, head)

    def is_contradicted(self, one: WatchedPayment) -> bool:
        """Return whether an endpoint says otherwise than the one that told of the payment."""
        asked = self._waiting.get(one.id)
        return asked is not None and asked.word is Word.NO and asked.paid_in == self._paid_in(one)

    async def ask(
        self,
        find: Callable[[bytes], WatchedPayment | None],
        touched: Iterable[bytes],
        target: PaymentTarget,
        findings: Findings,
        now: int,
        reader: PollReader,
    ) -> list[bytes]:
        """Ask about those that are due, as far as the poll's requests last.

        find: a watched request by its id. touched: those about which something is known. now: epoch seconds.
        Gives all that are held back: they are to be decided about again.
        """
        if not self._totals:
            return []
        for request_id in dict.fromkeys((*self._waiting, *touched)):
            one = find(request_id)
            if one is None or self._paid_in(one) is None:
                self._waiting.pop(request_id, None)
            else:
                self._waiting.setdefault(request_id, None)
        await self._ask_due(find, target, findings, now, reader)
        return list(self._waiting)

    async def _ask_due(
        self,
        find: Callable[[bytes], WatchedPayment | None],
        target: PaymentTarget,
        findings: Findings,
        now: int,
        reader: PollReader,
    ) -> None:
        head, deep = findings.marks.head.number, findings.marks.deep_block
        for request_id, asked in list(self._waiting.items()):
            one = find(request_id)
            paid_in = None if one is None else self._paid_in(one)
            if one is None or paid_in is None or deep is None or not self._is_deep(one, paid_in, head):
                continue
            if asked is not None and asked.paid_in == paid_in and not _is_due(asked, now):
                continue
            try:
                word = await self._ask(one, paid_in, target, deep.id, reader)
            except BudgetSpent:
                # It is first at the next poll.
                return
            self._waiting.pop(request_id)
            self._waiting[request_id] = _Asked(paid_in, word, now)

    async def _ask(
        self,
        one: WatchedPayment,
        paid_in: PaidIn,
        target: PaymentTarget,
        deep: BlockId,
        reader: PollReader,
    ) -> Word:
        """Ask the others, and the first once more: another one may have told of it. Raises BudgetSpent."""
        another = reader.of_another()
        if another is None:
            return Word.YES
        for asked in (another, reader):
            word = await self._ask_one(one, paid_in, target, deep, asked)
            if word is not Word.YES:
                return word
        return Word.YES

    async def _ask_one(
        self,
        one: WatchedPayment,
        paid_in: PaidIn,
        target: PaymentTarget,
        deep: BlockId,
        reader: ChainReader,
    ) -> Word:
        try:
            return await ask_again(one, paid_in, self._required(one), target, deep, reader)
        except BudgetSpent:
            raise
        except ChainError as error:
            extra = {"payment": one.id.hex(), "reason": str(error)}
            log.warning("a large payment waits for the word of another endpoint", extra=extra)
            return Word.BEHIND

    def _paid_in(self, one: WatchedPayment) -> PaidIn | None:
        """Return what pays a request that is large and not settled; None if it is not so, or nothing does."""
        total = self._totals.get(one.issued.request.currency)
        if total is None or one.issued.request.amount < total.amount or one.issued.state not in SETTLES:
            return None
        return one.paid_by(self._required(one))

    def _required(self, one: WatchedPayment) -> int:
        amount = one.issued.request.amount
        return amount - amount * self._tolerance // 1000

    def _is_deep(self, one: WatchedPayment, paid_in: PaidIn, head: int) -> bool:
        total = self._totals[one.issued.request.currency]
        return head - paid_in.block.number + 1 >= total.confirmations


def _is_due(asked: _Asked, now: int) -> bool:
    return asked.word is not Word.YES and now >= asked.at + ASKED_AGAIN_S
