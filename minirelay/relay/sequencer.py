"""One per shop: takes requests in the order in which they arrived and appends the sets of each to the log.

It goes on speculatively on top of what is still being committed, so every answer, refusals too, waits for
the commit of the state on which it was judged. When a commit fails, the head is read again from disk.
What arrives in one turn of the loop is judged together, step by step: the same step many times in a row costs
a sixth less than all steps of one request after another. It gives the loop back after every few requests,
however many are waiting.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import datetime
from functools import partial
from typing import TypeVar

from minirelay.errors import MinirelayError, Refusal, StoreError
from minirelay.relay.judging import answer_of, judge, judge_in_thread, prepare
from minirelay.relay.messages import own_fault
from minirelay.relay.request import Committer, Request
from minirelay.relay.shop_events import ShopEvents
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.checkout_facts import FactsMissing
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.work import Work, WorkExceeded
from minirelay.store.writes import Commit

T = TypeVar("T")

log = logging.getLogger(__name__)

THREAD_BYTES = 32 * 1024
"""A larger request is judged in a thread, so that the other sessions go on meanwhile."""

SLICE_BYTES = 32 * 1024
REQUEST_BYTES = 1024
"""As much as SLICE_BYTES is judged in one turn of the loop; a request counts its size and as much as this."""

LOOP_WORK = 128 * 1024
"""So much work (`shop/work.py`) is done in one turn of the loop, about 4 ms.

A request that needs more by itself is judged in a thread.
"""


class Sequencer:
    """The order of one shop's log."""

    def __init__(
        self,
        shop: int,
        writer: Committer,
        open_head: Callable[[], Awaitable[ShopHead]],
        events: ShopEvents,
        now: Callable[[], datetime],
    ) -> None:
        """shop: row id. writer: the store's. open_head: reads the head from disk; may raise StoreError.

        now: the relay's clock, aware UTC.
        """
        self._shop = shop
        self._writer = writer
        self._open_head = open_head
        self._events = events
        self._now = now
        self._cleared_at = 0
        self._head: ShopHead | None = None
        self._queue: deque[Request] = deque()
        self._last_commit: asyncio.Future[None] | None = None
        self._work: asyncio.Task[None] | None = None
        self._is_scheduled = False
        self._read_failure: StoreError | None = None

    @property
    def head(self) -> ShopHead | None:
        """Return the head, if it is open and can be trusted. Read only."""
        return self._head

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is queued or under way."""
        return not self._queue and self._work is None and self._last_commit is None

    async def wait_idle(self) -> None:
        """Wait until everything that was submitted is answered."""
        while not self.is_idle:
            under_way = [one for one in (self._work, self._last_commit) if one is not None and not one.done()]
            if under_way:
                await asyncio.wait(under_way)
            else:
                await asyncio.sleep(0)

    def submit(self, request: Request) -> None:
        """Take a request; it is answered through its own `stored` or `refuse`, exactly once."""
        self._queue.append(request)
        if self._work is None and not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._drain, context=Context())

    def unload(self) -> None:
        """Forget the head; the next request reads it again. Only when idle."""
        self._head = None

    async def opened(self) -> ShopHead:
        """Return the head, reading it first if it is not open. Raises StoreError."""
        while (head := self._trusted_head()) is None:
            await asyncio.wait([self._work or self._start(self._reopen())])
            if self._head is None and self._read_failure is not None:
                raise self._read_failure
        return head

    async def consult(self, question: Callable[[ShopHead], T]) -> T:
        """Ask the head something; the answer is given once what it rests on is durable.

        Raises StoreError, and the Refusal that the question raises, likewise not before.
        """
        while True:
            answer = answer_of(question, await self.opened())
            last = self._last_commit
            if last is not None:
                await asyncio.wait([last])
            if last is None or last.exception() is None:
                if isinstance(answer, Refusal):
                    raise answer
                return answer

    def _trusted_head(self) -> ShopHead | None:
        if self._head is not None and self._head.epoch != self._writer.epoch:
            self._head = None
        return self._head

    def _drain(self) -> None:
        self._is_scheduled = False
        is_first = True
        while self._queue and self._work is None:
            head = self._trusted_head()
            if head is None:
                self._start(self._reopen())
            elif self._writer.is_full:
                self._start(self._wait_for_room())
            elif self._queue[0].size_bytes > THREAD_BYTES:
                request = self._queue.popleft()
                if request.take_turn():
                    self._start(self._judge_aside(head, request))
            elif is_first:
                self._judge_slice(head)
                is_first = False
            else:
                self._start(asyncio.sleep(0))

    def _judge_slice(self, head: ShopHead) -> None:
        requests = deque(self._take_slice())
        prepare(requests)
        self._clear_records(head)
        work_done = 0
        # Another head: there was a bug in the last one.
        while requests and self._head is head and work_done < LOOP_WORK and self._work is None:
            request, work = requests.popleft(), Work(LOOP_WORK)
            if not request.take_turn():
                continue
            try:
                self._settle(head, request, judge(request, head, work))
            except WorkExceeded:
                self._start(self._judge_aside(head, request))
            if head.is_entering:
                self._start(self._enter_rest(head))
            work_done += work.spent
        self._queue.extendleft(reversed(requests))

    def _clear_records(self, head: ShopHead) -> None:
        """Let go of a little of what time made meaningless, once a second; nothing is judged meanwhile."""
        now = int(self._now().timestamp())
        if now != self._cleared_at:
            self._cleared_at = now
            head.records.clear(now)

    def _take_slice(self) -> list[Request]:
        queue, requests = self._queue, list[Request]()
        size_bytes = 0
        while queue and (request_bytes := queue[0].size_bytes) <= THREAD_BYTES:
            size_bytes += request_bytes + REQUEST_BYTES
            if requests and size_bytes > SLICE_BYTES:
                break
            requests.append(queue.popleft())
        return requests

    def _start(self, work: Awaitable[None]) -> asyncio.Task[None]:
        async def run() -> None:
            try:
                await work
            finally:
                self._work = None
                self._drain()

        self._work = asyncio.get_running_loop().create_task(run(), context=Context())
        return self._work

    async def _reopen(self) -> None:
        if self._last_commit is not None:
            # Not while something is on its way to the disk that this head would lack.
            await asyncio.wait([self._last_commit])
        try:
            head = await self._open_head()
            self._events.opened(self._shop, head.size_bytes)
            self._head, self._read_failure = head, None
        except StoreError as error:
            log.error("a shop could not be read from the database: %s", error)
            self._fail_all(error)
        except Exception as error:  # what is stored does not make sense: not to be tried again in a hurry
            log.exception("a shop could not be opened")
            self._fail_all(StoreError(f"the shop could not be opened: {error}"))

    async def _wait_for_room(self) -> None:
        barrier = self._writer.barrier()
        await asyncio.wait([barrier])
        # If it failed, so did what waited, and who submitted that hears of it.
        barrier.exception()

    def _fail_all(self, error: StoreError) -> None:
        self._read_failure = error
        while self._queue:
            request = self._queue.popleft()
            request.end_turn()
            request.refuse(error)

    async def _judge_aside(self, head: ShopHead, request: Request) -> None:
        outcome = await asyncio.to_thread(judge_in_thread, request, head)
        if self._trusted_head() is head:
            self._settle(head, request, outcome)
            await self._enter_rest(head)
        else:
            # A commit failed meanwhile: what was judged is no longer so.
            self._queue.appendleft(request)

    async def _enter_rest(self, head: ShopHead) -> None:
        """Enter in several turns of the loop what one write changed in very many records."""
        try:
            while head.is_entering:
                await asyncio.sleep(0)
                head.enter_more()
        except Exception:  # a bug; what is there is read again
            log.exception("what a write changed could not be entered because of a bug")
            self._head = None

    def _settle(self, head: ShopHead, request: Request, outcome: Accepted | MinirelayError) -> None:
        if isinstance(outcome, FactsMissing):
            request.end_turn(outcome)
            return
        request.end_turn()
        if isinstance(outcome, MinirelayError):
            self._after_last_commit(partial(_refuse, request, outcome))
            return
        try:
            commit = head.append(outcome)
        except Exception:  # a bug; the head may hold half of it, and is read again
            log.exception("an accepted request could not be appended because of a bug")
            self._head = None
            self._after_last_commit(partial(_refuse, request, own_fault()))
            return
        if outcome.checkout is not None and outcome.checkout.manifest is not None:
            self._events.manifest_changed(self._shop, outcome.checkout.manifest)
        self._last_commit = self._writer.commit(commit)
        records = None if outcome.checkout is None else outcome.checkout.records
        if records is not None and records.is_empty:
            records = None
        self._last_commit.add_done_callback(
            partial(self._committed, request, commit, records, head.state.root_hash)
        )

    def _committed(
        self,
        request: Request,
        commit: Commit,
        records: RecordChanges | None,
        root_hash: bytes,
        future: asyncio.Future[None],
    ) -> None:
        if self._last_commit is future:
            self._last_commit = None
        error = future.exception()
        if error is None:
            # Before the answer, which takes the echo of these sets along.
            if commit.sets:
                self._events.stored(self._shop, commit.sets)
            if records is not None:
                self._events.checkout_changed(self._shop, records)
            try:
                request.stored(root_hash)
            finally:
                for card_row in commit.unlinked:
                    self._events.unlinked(card_row)
        elif isinstance(error, MinirelayError):
            request.refuse(error)
        else:
            raise error

    def _after_last_commit(self, answer: Callable[[asyncio.Future[None] | None], None]) -> None:
        # A commit that is done still counts until its own callback has run: answers keep their order.
        if self._last_commit is None:
            answer(None)
        else:
            self._last_commit.add_done_callback(answer)


def _refuse(request: Request, refusal: MinirelayError, future: asyncio.Future[None] | None) -> None:
    error = None if future is None else future.exception()
    request.refuse(error if isinstance(error, MinirelayError) else refusal)
