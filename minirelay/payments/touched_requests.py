"""The requests about which something was found: what is news of them is handed on to be decided."""

import asyncio
from typing import Final

from minirelay.chain.findings import Marks
from minirelay.payments.final_time import FinalTime
from minirelay.payments.large_payments import LargePayments
from minirelay.payments.stray_searches import Search
from minirelay.payments.submissions import Submissions
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.payments.watched_requests import OF_A_PAID_ORDER, WatchedRequests
from minirelay.protocol.block_id import BlockId
from minirelay.shop.issued_requests import RequestState

DECIDED_AT_ONCE: Final = 500
"""In one turn of the loop: some milliseconds. After a start there are all that were watched."""


class TouchedRequests:
    """Those of one chain (`WatchedRequests.touched`)."""

    def __init__(
        self,
        requests: WatchedRequests,
        submissions: Submissions,
        large: LargePayments,
        search: Search,
        final_time: FinalTime,
    ) -> None:
        """large: holds sums back. search: has more looked for, once an order is paid."""
        self._requests = requests
        self._submissions = submissions
        self._large = large
        self._search = search
        self._final_time = final_time

    def touch_unfinal(self, marks: Marks) -> None:
        """Touch those of paid orders that are final now, or of which it may be known that they are gone."""
        for request_id in self._requests.unfinal:
            one = self._requests.get(request_id)
            # Whether one is gone is known when all was read again, of which nothing else tells.
            if one is not None and (one.is_doubtful or self._is_last(one, marks)):
                self._requests.touched[request_id] = None

    def search_at(self, one: WatchedPayment) -> None:
        """Have the address of one searched for what it does not ask for, once."""
        is_wanted = one.issued.state is not RequestState.DISMISSED
        if is_wanted and one.address and not one.is_searched:
            one.is_searched = True
            self._search(one.shop, one.issued, one.address)

    async def decide(self, marks: Marks) -> None:
        """Have decided what is news of them; return when it is durable. Raises like `Submissions.wait`."""
        newest_deep = None if marks.deep_block is None else marks.deep_block.id
        # The operator may have decided meanwhile.
        await self._submissions.wait()
        touched = list(self._requests.touched)
        for start in range(0, len(touched), DECIDED_AT_ONCE):
            for request_id in touched[start : start + DECIDED_AT_ONCE]:
                self._requests.touched.pop(request_id, None)
                one = self._requests.get(request_id)
                if one is not None:
                    self._decide_one(one, newest_deep, marks)
            await asyncio.sleep(0)
            await self._submissions.wait()
        self._requests.rest()

    def _decide_one(self, one: WatchedPayment, newest_deep: BlockId | None, marks: Marks) -> None:
        news = one.news(
            newest_deep,
            marks.deep,
            is_last=self._is_last(one, marks),
            is_held=self._large.is_held(one, marks.head.number),
            is_contradicted=self._large.is_contradicted(one),
        )
        if one.issued.state in OF_A_PAID_ORDER:
            self.search_at(one)
        if news is not None:
            self._requests.resting.note_gone(one.id)
            self._submissions.submit(one, news)
        elif self._requests.resting.may_rest(one, self._final_time.of(marks)):
            self._requests.resting.note_quiet(one.id)

    def _is_last(self, one: WatchedPayment, marks: Marks) -> bool:
        """Return whether nothing that comes for a request later matters."""
        if one.issued.state in OF_A_PAID_ORDER:
            is_final = one.paid_in is not None and one.paid_in.block.number <= marks.final
            return is_final and not self._can_be_locked(one, marks)
        return self._requests.expiry.is_past(one.issued, self._final_time.of(marks))

    def _can_be_locked(self, one: WatchedPayment, marks: Marks) -> bool:
        """Return whether more of a token can still come to where the whole lies, so that it can't be swept.

        A stranger's dust is enough (spec 06 "What the operator can do"); once it is over, a person was told.
        """
        is_exact = one.is_token and one.issued.state is RequestState.PAID and one.balance.is_unswept
        return is_exact and self._final_time.of(marks) <= one.issued.request.ttl
