"""What the relay writes to a shop by itself: sets of its own, and rows, in one transaction (spec 06, 07).

What is to be written is decided on the head, when its turn comes: who asks twice for the same finds it done.
It stands in no guests' queue and is exempt from quotas (spec 06, "Paid").
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from minirelay.errors import MinirelayError
from minirelay.relay.client_write import WriteTerms
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.request import Request
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.checkout_facts import Facts, FactsMissing
from minirelay.shop.relay_sets import relay_sets
from minirelay.shop.work import Work
from minirelay.store.batch import Writable
from minirelay.store.checkout_rows import CheckoutRows


class OwnSets(msgspec.Struct, frozen=True):
    """What the relay writes to one shop, all or nothing.

    outcome: the patches, put into as few sets as may be, in their order, those of a group into the same one;
    and what they change in the records of checkout, which the head enters and the store writes. An order that
    gets paid or canceled is closed there (`CheckoutChanges.close`). rows: what else is stored with them.
    Without patches no set is appended, and the rest is stored all the same.
    """

    outcome: CheckoutOutcome = CheckoutOutcome()
    rows: tuple[Writable, ...] = ()


Decide = Callable[[ShopHead, Facts, Work], OwnSets | None]
"""Decide what is to be written, None if there is nothing.

head: of the shop, as it is when the turn comes; read only, and not to be kept. facts: as `shop/checkout`
takes them; their `now` is the time. work: counts what it costs. On the event loop it raises WorkExceeded
beyond a bound, and all is decided once more, beside the loop. So it may be called several times, in a thread
too: it changes nothing, and the last time counts. May raise Refusal, and FactsMissing, which is waited for.
"""


class OwnWrite(msgspec.Struct, eq=False):
    """A write of the relay's own on its way into the log. settle: called once, when it is durable."""

    decide: Decide
    terms: WriteTerms
    settle: Callable[[OwnSets | MinirelayError | None], None]
    _decided: OwnSets | None = None

    @property
    def size_bytes(self) -> int:
        """Return a small number: there is nothing to decode."""
        return 0

    def decode(self) -> None:
        """Do nothing: what is made here is sound."""

    def verify(self) -> None:
        """Do nothing: it is signed when it is decided."""

    def take_turn(self) -> bool:
        """Return true: nothing stands before it but what the sequencer has."""
        return True

    def end_turn(self, missing: FactsMissing | None = None) -> None:
        """Report that facts are missing, if so: it is to be submitted anew when they are known."""
        if missing is not None:
            self.settle(missing)

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        """Decide what is to be written, and sign it."""
        terms, work = self.terms, Work() if loop_work is None else loop_work
        now = terms.now()
        facts = terms.facts.facts(int(now.timestamp()))
        self._decided = self.decide(head, facts, work)
        pending = PendingSets(head)
        if self._decided is None:
            return pending.accepted()
        outcome, rows = self._decided.outcome, self._decided.rows
        for patches in relay_sets(outcome.patches):
            pending.apply_own(patches, terms.key, now, work)
        stored = CheckoutRows.of(head.row.row_id, outcome, facts.now)
        return pending.accepted(further=(*stored, *rows), checkout=outcome)

    def log_as(self, tell: Callable[[], None]) -> None:
        """Log it as nobody's: no session sent it."""
        tell()

    def stored(self, root_hash: bytes) -> None:  # noqa: ARG002  (nobody asked for the root)
        """Report what was written."""
        self.settle(self._decided)

    def refuse(self, error: MinirelayError) -> None:
        """Report the error."""
        self.settle(error)


class RequestQueue(Protocol):
    """A shop's sequencer, as its own writes see it."""

    def submit(self, request: Request) -> None:
        """Take a request."""


class OwnWrites:
    """The relay's own writes, to all shops."""

    def __init__(self, terms: WriteTerms, facts_timeout_s: float) -> None:
        """terms: of the relay's writes. facts_timeout_s: how long one waits for facts."""
        self._terms = terms
        self._facts_timeout_s = facts_timeout_s

    async def write(self, queue: RequestQueue, decide: Decide) -> OwnSets | None:
        """Write what is decided; return it when it is durable. queue: the shop's sequencer.

        Raises StoreError if it could not be stored, Refusal if it may not be written, FactsMissing if what
        it needs could not be learnt in time.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._facts_timeout_s
        while True:
            try:
                return await self._submit(queue, decide)
            except FactsMissing as missing:
                if clock() >= deadline or not await self._learn(missing, deadline):
                    raise

    def _submit(self, queue: RequestQueue, decide: Decide) -> asyncio.Future[OwnSets | None]:
        done: asyncio.Future[OwnSets | None] = asyncio.get_running_loop().create_future()

        def settle(outcome: OwnSets | MinirelayError | None) -> None:
            # Whoever asked may have gone; it is written all the same.
            if done.done():
                return
            if isinstance(outcome, MinirelayError):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)

        queue.submit(OwnWrite(decide, self._terms, settle))
        return done

    async def _learn(self, missing: FactsMissing, deadline: float) -> bool:
        """Wait until facts are known, and say whether they are."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._terms.facts.warm(missing.facts)
        except TimeoutError:
            return False
        return True
