"""Watches the payments of one chain: told what polls find, it has what comes of it written (spec 06, 07).

Each request is watched from its issue until nothing that comes for it matters. What is found for one is put
together by its `WatchedPayment`; what becomes of that is decided on its shop's head (`settlement.py`). A poll
counts as taken only when all of it is durable, so whatever is killed in between, it is found again.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from minirelay.chain.findings import (
    BalancesAt,
    ChainReader,
    Findings,
    FoundBalance,
    FoundLog,
    LogFilter,
)
from minirelay.errors import ChainError, MinirelayError, Refusal
from minirelay.payments.last_look import arrived, times_of
from minirelay.payments.payment_events import EventKey, key_of
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.settlement import Evidence, SettlementTerms, settlement
from minirelay.payments.states import SETTLES
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.payments.watched_requests import OF_A_PAID_ORDER, WatchedRequests
from minirelay.protocol.block_id import BlockId
from minirelay.relay.event_log import payment_fields
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.shop.checkout_facts import FactsMissing
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.messages import ShopRow
from minirelay.store.payment_records import WatchedRequest
from minirelay.store.payment_rows import PaymentTransfer
from minirelay.store.writes import MetaRow

log = logging.getLogger(__name__)

WriteOwn = Callable[[int, Decide], Awaitable[OwnSets | None]]
"""`Relay.write_own`: a shop's token id, and how to decide."""

SLACK_S: Final = 120
"""How much longer than the last poll before a restart an address may not have been looked at."""


def looked_at_key(chain_id: int) -> str:
    """Name the note of when the payments of a chain were last looked at as a whole."""
    return f"payments_looked_at_{chain_id}"


class PaymentWatch:
    """The payments of one chain: a `Watch` of its poller."""

    def __init__(
        self,
        chain_id: int,
        target: PaymentTarget,
        terms: SettlementTerms,
        write_own: WriteOwn,
        *,
        clock: Callable[[], int],
        is_development: bool = False,
        call: Callable[[], None] = lambda: None,
    ) -> None:
        """clock: the relay's, epoch seconds. is_development: it counts where the chain's stands still.

        call: has the chain polled at once.
        """
        self.chain_id = chain_id
        self.requests = WatchedRequests(chain_id, target)
        self._target = target
        self._terms = terms
        self._write_own = write_own
        self._clock = clock
        self._is_development = is_development
        self._call = call
        self._seen: set[bytes] = set()
        self._emptied: dict[bytes, None] = {}
        self._looked_at = 0
        self.newest_deep: BlockId | None = None
        self._deciding: set[asyncio.Task[None]] = set()

    def load(
        self, requests: Iterable[WatchedRequest], transfers: Iterable[PaymentTransfer], looked_at: int
    ) -> None:
        """Watch what was watched before a restart.

        transfers: of these requests. looked_at: when they were last looked at, in epoch seconds.
        """
        self._looked_at = max(0, looked_at - SLACK_S)
        self.requests.load(requests, transfers, self._looked_at)

    def changed(self, shop: ShopRow, records: RecordChanges) -> None:
        """Take note of what a write changed, and is durable: a client's, or one of the relay's own."""
        was_needed = self.is_needed()
        self.requests.changed(shop, records)
        if not was_needed and self.is_needed():
            self._call()

    # -- what a poller asks (`Watch`)

    def filters(self) -> Sequence[LogFilter]:
        """Return which logs tell of payments."""
        return (self._target.log_filter,)

    def ids(self, log_filter: LogFilter, /) -> Sequence[bytes]:  # noqa: ARG002  (there is one)
        """List the PaymentIDs of requests that may still be paid."""
        return [one.id for one in self.requests if one.issued.state in SETTLES]

    def wants(self, log: FoundLog, /) -> bool:
        """Return whether a log is about a request that is watched, and not older than that."""
        one = self._of(log)
        return one is not None and log.block.number >= one.issued.issued_at_block

    def balances(self, now: int, /) -> Sequence[tuple[bytes, bytes]]:
        """List tokens and addresses to look at now, the most important first."""
        watched = map(self.requests.get, self.requests.schedule.due(now))
        return [(one.issued.request.currency, one.address) for one in watched if one and one.address]

    def wants_balance(self, balance: FoundBalance, /) -> bool:
        """Return whether a balance may be enough, or is less than there was: who knows whether it was swept.

        What is a part only is not, unless it was swept and lies there still: it is kept until its block is
        deep, and would stand before the whole. Whether it was is asked now and then.
        """
        one = self.requests.at(balance)
        if one is None:
            return False
        total = one.issued.request.amount
        if balance.amount >= max(1, total - total * self._terms.tolerance // 1000):
            return True
        if one.issued.state not in SETTLES:
            return False
        if balance.amount < max(one.balance, one.issued.received):
            return True
        return bool(balance.transaction_count) or (
            balance.transaction_count is None and one.is_part_due(balance)
        )

    def is_needed(self) -> bool:
        """Return whether anything is open."""
        return self.requests.schedule.open_count > 0

    def _of(self, log: FoundLog) -> WatchedPayment | None:
        one = self.requests.get(self._target.request_id(log))
        return None if one is None or one.issued.state is RequestState.DISMISSED else one

    # -- what a poll found

    async def take(self, findings: Findings, reader: ChainReader, /) -> Sequence[MetaRow]:
        """Take what was found; return when all that comes of it is durable.

        Raises StoreError: then nothing counts as taken.
        """
        await self._wait_for_decisions()
        if findings.forgotten_above is not None:
            self.requests.forget_above(findings.forgotten_above)
        self._take_logs(findings, await self._find_late(findings, reader))
        for settled in findings.deep_balances:
            self._settle_balances(settled)
        if findings.balances is not None:
            self._take_balances(findings.balances)
            if findings.balances.block.number <= findings.marks.deep:
                # Where a block counts as soon as it is there.
                self._settle_balances(findings.balances)
        self._note_faults(findings.token_faults)
        await self._ask(findings, reader)
        self._note_final(findings)
        await self._decide(findings)
        return self._note_looked_at(findings)

    def _take_logs(self, findings: Findings, late: set[EventKey]) -> None:
        seen: dict[bytes, list[EventKey]] = defaultdict(list)
        for one, log in self._of_each(findings.seen):
            seen[one.id].append(key_of(log))
            one.events.see(log, is_in_time=key_of(log) not in late)
        for one, log in self._of_each(findings.deep):
            one.events.settle(log, is_in_time=key_of(log) not in late, is_proof=one.is_token)
            self.requests.note_event(one)
        for request_id in self._seen | seen.keys():
            watched = self.requests.get(request_id)
            if watched is not None:
                watched.events.keep_seen(seen.get(request_id, ()))
                self.requests.note_event(watched)
        self._seen = set(seen)

    def _of_each(self, logs: Iterable[FoundLog]) -> Iterable[tuple[WatchedPayment, FoundLog]]:
        return ((one, log) for log in logs if (one := self._of(log)) is not None)

    async def _find_late(self, findings: Findings, reader: ChainReader) -> set[EventKey]:
        """Find the events that came after their TTL, by the time of their block.

        What the first poll after the TTL finds came in time, if the poll before was within it.
        """
        logs = (*findings.seen, *findings.deep)
        after = [
            (log, one.issued.request.ttl)
            for one, log in self._of_each(logs)
            if self._looked_at > one.issued.request.ttl
        ]
        times = await times_of([log.block for log, _ in after], reader)
        return {key_of(log) for log, ttl in after if times.get(log.block, ttl + 1) > ttl}

    def _take_balances(self, found: BalancesAt) -> None:
        looked = []
        for balance in found.balances:
            one = self.requests.at(balance)
            if one is not None:
                looked.append(one.id)
                if one.look(balance, found.block):
                    self.requests.touched[one.id] = None
        self.requests.schedule.looked(looked, self._clock())

    def _settle_balances(self, found: BalancesAt) -> None:
        for balance in found.balances:
            one = self.requests.at(balance)
            if one is not None and balance.transaction_count is not None:
                one.settle_balance(balance, found.block)
                self.requests.touched[one.id] = None
                if one.emptied_at is not None:
                    self._emptied[one.id] = None

    def _note_faults(self, faults: Mapping[bytes, str]) -> None:
        """Take note of tokens that do not say what lies at an address: whoever pays in them is not seen."""
        if not faults:
            return
        for one in self.requests:
            if one.issued.request.currency in faults and one.issued.state in SETTLES:
                one.note_unreadable()
                self.requests.touched[one.id] = None

    # -- what has to be known beside

    async def _ask(self, findings: Findings, reader: ChainReader) -> None:
        """Ask further questions; for what this poll has no request left, the next one has."""
        try:
            if not self._target.is_open and len(self.requests):
                await self._target.open(reader)
            await self.requests.give_addresses()
            await self._judge(findings.marks.head.id, reader)
            await self._find_arrivals(reader)
            final_time, now = self._final_time(findings), self._clock()
            await self.requests.expiry.look(
                self.requests.get, self._target, findings, final_time, now, reader
            )
        except ChainError as error:
            extra = {"chain": self.chain_id, "reason": str(error)}
            log.debug("a question about payments has to wait", extra=extra)
        for request_id in self.requests.expiry.take_touched():
            one = self.requests.get(request_id)
            if one is not None:
                self.requests.note_event(one)

    async def _judge(self, at: BlockId, reader: ChainReader) -> None:
        """Find out which events prove payments in coins."""
        for request_id in list(self.requests.unjudged):
            # If that fails, all others come before it the next time.
            del self.requests.unjudged[request_id]
            one = self.requests.get(request_id)
            if one is None:
                continue
            try:
                await self._judge_one(one, at, reader)
            finally:
                self.requests.touched[request_id] = None
                if one.events.unjudged:
                    self.requests.unjudged[request_id] = None

    async def _judge_one(self, one: WatchedPayment, at: BlockId, reader: ChainReader) -> None:
        while events := one.events.unjudged:
            proof = await self._target.prove(one.issued.request, events, reader, at)
            # That somebody has paid proves one payment, however many events are looked at.
            is_counted = proof is not None and proof.payer is not None and one.events.has_proof
            if proof is None or is_counted:
                for event in events:
                    one.events.judge(event, is_proven=False)
            else:
                one.events.judge(proof.event, is_proven=True)

    async def _find_arrivals(self, reader: ChainReader) -> None:
        """Find out what of a token had arrived at addresses that were emptied."""
        for request_id in list(self._emptied):
            one = self.requests.get(request_id)
            block = None if one is None else one.emptied_at
            if one is not None and block is not None:
                issued, ttl = one.issued, one.issued.request.ttl
                token, first = issued.request.currency, issued.issued_at_block
                found = await arrived(token, one.address, first, block.number, ttl, reader)
                one.note_arrived(found or 0)
                self.requests.touched[request_id] = None
            del self._emptied[request_id]

    # -- what a person decides

    async def decide_by_hand(
        self, shop_id: int, request: IssuedRequest, make: Callable[[IssuedRequest, BlockId | None], Decide]
    ) -> OwnSets | None:
        """Have written what the operator decides about a request, when nothing else is decided about it.

        request: as it is stored. make: is given the request as it is now, and the newest deep block, if one
        is known. Raises like `Relay.write_own`.
        """
        while pending := [one for one in self._deciding if not one.done()]:
            # Whether they fail is for the poll to see.
            await asyncio.wait(pending)
        one = self.requests.get(request.id)
        decide = make(request if one is None else one.issued, self.newest_deep)
        writing = asyncio.ensure_future(self._write_own(shop_id, decide))
        written = asyncio.create_task(_finished(writing))
        self._deciding.add(written)
        await written
        return writing.result()

    # -- what comes of it

    def _final_time(self, findings: Findings) -> int:
        """Return the moment by which requests expire: no head that was not read counts."""
        marks = findings.marks
        if self._is_development and marks.final >= marks.head.number:
            return max(marks.final_time, self._clock())
        return marks.final_time

    def _note_final(self, findings: Findings) -> None:
        self._terms.final_times[self.chain_id] = self._final_time(findings)
        for request_id in self.requests.unfinal:
            one = self.requests.get(request_id)
            # Whether one is gone is known when all was read again, of which nothing else tells.
            if one is not None and (one.is_doubtful or self._is_last(one, findings)):
                self.requests.touched[request_id] = None

    def _is_last(self, one: WatchedPayment, findings: Findings) -> bool:
        """Return whether nothing that comes for a request later matters."""
        if one.issued.state in OF_A_PAID_ORDER:
            return one.paid_in is not None and one.paid_in.block.number <= findings.marks.final
        return self.requests.expiry.is_past(one.issued, self._final_time(findings))

    async def _decide(self, findings: Findings) -> None:
        marks = findings.marks
        newest_deep = None if marks.deep_block is None else marks.deep_block.id
        self.newest_deep = newest_deep or self.newest_deep
        # The operator may have decided meanwhile.
        await self._wait_for_decisions()
        touched = list(self.requests.touched)
        self.requests.touched.clear()
        for one in map(self.requests.get, touched):
            if one is not None:
                news = one.news(newest_deep, marks.deep, is_last=self._is_last(one, findings))
                if news is not None:
                    self._deciding.add(asyncio.create_task(self._submit(one, news)))
        await self._wait_for_decisions()

    async def _submit(self, one: WatchedPayment, news: Evidence) -> None:
        before, is_durable = one.issued.state, False
        try:
            decide = settlement(one.issued, news, self._terms)
            await self._write_own(self.requests.shop_id(one), decide)
            is_durable = True
        except (FactsMissing, Refusal) as error:
            extra = {"chain": self.chain_id, "payment": one.id.hex(), "reason": str(error)}
            log.warning("what a payment causes could not be written; it is tried again", extra=extra)
        finally:
            if is_durable:
                one.note_stored(news)
            elif self.requests.get(one.id) is one:
                self.requests.touched[one.id] = None
        if one.issued.state is not before:
            fields = payment_fields(one.issued.request.shop_id, one.issued)
            log.info("a payment request is %s", one.issued.state.value, extra=fields)

    async def finish(self) -> None:
        """Wait until what is being decided is durable, or has failed: then the next start finds it again."""
        try:
            await self._wait_for_decisions()
        except MinirelayError as error:
            extra = {"chain": self.chain_id, "reason": str(error)}
            log.warning("what a payment causes was not written before the end", extra=extra)

    async def _wait_for_decisions(self) -> None:
        """Wait until all that was submitted is durable: nothing is decided about twice at a time.

        Raises what the first that failed has raised.
        """
        deciding = set(self._deciding)
        if not deciding:
            return
        # Cancelled, this leaves them under way, and the next poll waits for them.
        await asyncio.wait(deciding)
        self._deciding -= deciding
        failures = [error for one in deciding if (error := one.exception()) is not None]
        if failures:
            raise failures[0]

    def _note_looked_at(self, findings: Findings) -> Sequence[MetaRow]:
        """Note that everything was looked at up to the head."""
        head = findings.marks.head
        if findings.marks.scanned < head.number or head.timestamp <= self._looked_at:
            return ()
        self._looked_at = head.timestamp
        self.requests.looked(head.timestamp)
        return (MetaRow(looked_at_key(self.chain_id), head.timestamp.to_bytes(8)),)


async def _finished(work: asyncio.Future[OwnSets | None]) -> None:
    """Wait for work, however it ends."""
    await asyncio.wait([work])
