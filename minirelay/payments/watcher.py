"""Watches the payments of one chain: told what polls find, it has what comes of it written (spec 06, 07).

Each request is watched from its issue until nothing that comes for it matters. What is found for one is put
together by its `WatchedPayment`; what becomes of that is decided on its shop's head (`settlement.py`). A poll
counts as taken only when all of it is durable, so whatever is killed in between, it is found again.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from minirelay.chain.findings import Findings, FoundBalance, FoundLog, LogFilter, PollReader
from minirelay.errors import ChainError
from minirelay.payments.final_time import FinalTime
from minirelay.payments.findings_by_request import FindingsByRequest
from minirelay.payments.large_payments import LargePayments, LargeTotal
from minirelay.payments.look_progress import LookProgress, with_slack
from minirelay.payments.open_questions import OpenQuestions, find_late
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.resting_requests import MOST_AWAKE, RestingRequests, RestingStore
from minirelay.payments.settlement import SettlementTerms
from minirelay.payments.states import SETTLES
from minirelay.payments.stray_searches import Search
from minirelay.payments.submissions import Submissions, WriteOwn
from minirelay.payments.touched_requests import TouchedRequests
from minirelay.payments.watched_requests import WatchedRequests
from minirelay.protocol.block_id import BlockId
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.store.messages import ShopRow
from minirelay.store.payment_records import WatchedRequest
from minirelay.store.payment_rows import PaymentTransfer
from minirelay.store.writes import MetaRow

log = logging.getLogger(__name__)


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
        large: Mapping[bytes, LargeTotal] | None = None,
        store: RestingStore | None = None,
        most_awake: int = MOST_AWAKE,
        call: Callable[[], None] = lambda: None,
        search: Search = lambda _shop, _issued, _address: None,
    ) -> None:
        """clock: the relay's, epoch seconds. is_development: it counts where the chain's stands still.

        large: by currency, from which sums on one endpoint's word is not enough; None: none is so large.
        store: where requests rest whose time is over; None: they don't. most_awake: of those, so many are
        watched from memory. call: has the chain polled at once. search: has an address searched for what its
        request does not ask for: `StraySearches.begin`.
        """
        self.chain_id = chain_id
        self.requests = WatchedRequests(chain_id, target, RestingRequests(chain_id, store, most_awake))
        self._target = target
        self._terms = terms
        self._clock = clock
        self._call = call
        self._listed: Sequence[bytes] = ()
        self._final_time = FinalTime(clock, is_development=is_development)
        self._questions = OpenQuestions(self.requests, target)
        self._findings = FindingsByRequest(self.requests, target, self._questions, clock)
        self._large = LargePayments(large or {}, terms.tolerance)
        self._submissions = Submissions(chain_id, self.requests, terms, write_own)
        self._touched = TouchedRequests(
            self.requests, self._submissions, self._large, search, self._final_time
        )
        self._progress = LookProgress(chain_id, self.requests)
        self.newest_deep: BlockId | None = None

    def load(
        self,
        requests: Iterable[WatchedRequest],
        transfers: Iterable[PaymentTransfer],
        looked_at: int,
        resting: bytes = b"",
    ) -> None:
        """Watch what was watched before a restart.

        transfers: of these requests. looked_at: when they were last looked at, in epoch seconds. resting:
        how the ids of those begin that rest, see `RestingRequests.load`.
        """
        self.requests.resting.load(resting)
        self._progress.load(looked_at)
        self.requests.load(requests, transfers, self._progress.looked_at)

    def note_imported(self, shop: int, looked_at: int) -> None:
        """Take note that another relay looked at a shop's payments until now. After `load`.

        shop: row id. looked_at: when it did last, in epoch seconds.
        """
        self.requests.note_looked_at(shop, with_slack(looked_at))

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
        return self._findings.of(log) is not None or self.requests.is_resting(self._target.request_id(log))

    def balances(self, now: int, /) -> Sequence[tuple[bytes, bytes]]:
        """List tokens and addresses to look at now, the most important first."""
        self._listed = self.requests.schedule.due(now)
        watched = map(self.requests.get, self._listed)
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
        if balance.amount < max(one.balance.amount, one.issued.received):
            return True
        return bool(balance.transaction_count) or (
            balance.transaction_count is None and one.balance.is_part_due(balance)
        )

    def is_needed(self) -> bool:
        """Return whether anything is open."""
        return self.requests.schedule.open_count > 0

    # -- what a poll found

    async def take(self, findings: Findings, reader: PollReader, /) -> Sequence[MetaRow]:
        """Take what was found; return when all that comes of it is durable.

        Raises StoreError: then nothing counts as taken.
        """
        await self._submissions.wait()
        if findings.forgotten_above is not None:
            await self.requests.forget_above(findings.forgotten_above)
            self._progress.go_back(findings.marks.head.timestamp)
        await self._wake(findings)
        found = self._findings.of_each((*findings.seen, *findings.deep))
        self._findings.take_logs(findings, await find_late(found, self._progress.looked_at, reader))
        for settled in findings.deep_balances:
            self._findings.settle_balances(settled)
        if findings.balances is not None:
            self._findings.take_balances(findings.balances)
            if findings.balances.block.number <= findings.marks.deep:
                # Where a block counts as soon as it is there.
                self._findings.settle_balances(findings.balances)
        self._findings.note_faults(findings.token_faults, self._listed)
        await self._ask(findings, reader)
        self._terms.final_times[self.chain_id] = self._final_time.of(findings.marks)
        self._touched.touch_unfinal(findings.marks)
        if findings.marks.deep_block is not None:
            self.newest_deep = findings.marks.deep_block.id
        await self._touched.decide(findings.marks)
        return await self._progress.note(findings.marks)

    async def _wake(self, findings: Findings) -> None:
        """Watch again those that rested, of which a log tells, or whose turn it is. Raises StoreError."""
        resting = self.requests.resting
        named = map(self._target.request_id, (*findings.seen, *findings.deep))
        self.requests.wake(*await resting.find(self.requests.missing(named)))
        self.requests.missing(())
        self.requests.wake(*await resting.next_turn(self._clock(), self._final_time.of(findings.marks)))

    # -- what has to be known beside

    async def _ask(self, findings: Findings, reader: PollReader) -> None:
        """Ask further questions; for what this poll has no request left, the next one has."""
        try:
            if not self._target.is_open and len(self.requests):
                await self._target.open(reader)
            await self.requests.give_addresses()
            await self._questions.judge(findings.marks.head.id, reader)
            await self._questions.find_arrivals(reader)
            final_time, now = self._final_time.of(findings.marks), self._clock()
            held = await self._large.ask(
                self.requests.get, self.requests.touched, self._target, findings, now, reader
            )
            self.requests.touched.update(dict.fromkeys(held))
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
                self._touched.search_at(one)

    # -- what a person decides

    async def decide_by_hand(
        self, shop_id: int, request: IssuedRequest, make: Callable[[IssuedRequest, BlockId | None], Decide]
    ) -> OwnSets | None:
        """Have written what the operator decides about a request, when nothing else is decided about it.

        request: as it is stored. make: is given the request as it is now, and the newest deep block, if one
        is known. Raises like `Relay.write_own`.
        """

        def decide() -> Decide:
            one = self.requests.get(request.id)
            return make(request if one is None else one.issued, self.newest_deep)

        return await self._submissions.write_by_hand(shop_id, decide)

    async def finish(self) -> None:
        """Wait until what is being decided is durable, or has failed: then the next start finds it again."""
        await self._submissions.finish()
