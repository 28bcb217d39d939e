"""When the writes to a shop are judged: in the order in which they came, but some wait (spec 01, 07).

Guests' go through a queue of their own, so that clerks never stand behind many of them. A write that can't be
judged before something is known of a chain waits beside the sequencer's queue, and so does what its session
writes behind it; those of other sessions go on. It comes again when that is known, or after a while, and is
judged on what the shop is then.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from minirelay.errors import Refusal, invalid
from minirelay.relay.facts_source import FactsSource
from minirelay.relay.guest_queue import GuestQueue
from minirelay.relay.messages import WriteRequest
from minirelay.relay.request import Request
from minirelay.shop.checkout_facts import FactsMissing

log = logging.getLogger(__name__)

FACTS_TIMEOUT_S: Final = 5.0
"""So long a write waits for facts at most (spec 07 "Prices", the end)."""


class QueuedWrite(Request, Protocol):
    """A client's write, as its turns see it."""

    @property
    def request(self) -> WriteRequest:
        """Return what the client asked for."""

    @property
    def work_done(self) -> int:
        """Return what judging it took, in units of `shop/work.py`; 0 before."""

    def give_up_waiting(self) -> None:
        """Be refused, when it is judged again, if something is still missing then."""


@dataclass(slots=True)
class _Session:
    """What a session has written that is not judged yet: the first waits for facts, or was let go on.

    waiting: while the first waits. deadline: of its waiting, by the loop's clock.
    """

    writes: deque[QueuedWrite]
    waiting: asyncio.Task[None] | None = None
    deadline: float | None = None


class WriteTurns:
    """The turns of the writes to one shop."""

    def __init__(
        self,
        facts: FactsSource,
        enqueue: Callable[[QueuedWrite], None],
        timeout_s: float = FACTS_TIMEOUT_S,
    ) -> None:
        """enqueue: hands a write to the sequencer of the shop. timeout_s: how long one waits for facts."""
        self._facts = facts
        self._enqueue = enqueue
        self._timeout_s = timeout_s
        self._guest_queue = GuestQueue()
        self._sessions: dict[int, _Session] = {}

    @property
    def is_idle(self) -> bool:
        """Say whether nothing waits beside the queue."""
        return not self._sessions

    async def wait_idle(self) -> None:
        """Wait until nothing waits for facts any more."""
        while waiting := [one.waiting for one in self._sessions.values() if one.waiting is not None]:
            await asyncio.wait(waiting)

    def submit(self, write: QueuedWrite) -> None:
        """Take a write; it comes to the sequencer when its turn may come."""
        card = write.request.card
        if card.is_guest:
            enqueue, abandon = partial(self._enqueue, write), partial(self._abandon_in_lane, write)
            self._guest_queue.submit(card.row_id, write.size_bytes, submit=enqueue, abandon=abandon)
        else:
            self._enqueue(write)

    def take(self, write: QueuedWrite) -> bool:
        """Say whether a write that is the sequencer's next may be judged.

        If not, since one that its session wrote before waits, it stands behind that now, out of the queue.
        """
        session = self._sessions.get(write.request.card.row_id) if self._sessions else None
        if session is None or session.writes[0] is write:
            return True
        self.left_queue(write)
        if write.request.has_ended():
            _abandon(write)
        else:
            session.writes.append(write)
        return False

    def wait(self, write: QueuedWrite, missing: FactsMissing) -> None:
        """Let a write that was to be judged wait until what is missing is known, out of the queue."""
        card_row = write.request.card.row_id
        session = self._sessions.setdefault(card_row, _Session(deque([write])))
        self.left_queue(write)
        if write.request.has_ended():
            _abandon(write)
            self.judged(write)
            return
        loop = asyncio.get_running_loop()
        if session.deadline is None:
            session.deadline = loop.time() + self._timeout_s
        session.waiting = loop.create_task(self._wait(session, session.deadline, missing))

    def judged(self, write: QueuedWrite) -> None:
        """Take note that a write needs no further turn: what its session wrote behind it goes on."""
        card_row = write.request.card.row_id
        session = self._sessions.get(card_row) if self._sessions else None
        if session is None or session.writes[0] is not write:
            return
        session.writes.popleft()
        if session.writes:
            session.deadline = None
            self.submit(session.writes[0])
        else:
            del self._sessions[card_row]

    def left_queue(self, write: QueuedWrite) -> None:
        """Take note that a write was answered, or waits beside the queue: another guest's may go on."""
        card = write.request.card
        if card.is_guest:
            if write.work_done:
                self._guest_queue.note_work(card.row_id, write.work_done)
            self._guest_queue.done(write.size_bytes)

    def drop(self, card_row: int) -> None:
        """Abandon what waits of a card's session, which is over; what is in the sequencer's queue goes on."""
        session = self._sessions.get(card_row)
        if session is not None:
            # One that was let go on is the guest queue's or the sequencer's.
            kept = 0 if session.waiting is not None else 1
            while len(session.writes) > kept:
                _abandon(session.writes.pop())
            if session.waiting is not None:
                session.waiting.cancel()
                session.waiting = None
                del self._sessions[card_row]
        self._guest_queue.drop(card_row)

    async def _wait(self, session: _Session, deadline: float, missing: FactsMissing) -> None:
        write = session.writes[0]
        try:
            async with asyncio.timeout_at(deadline):
                await self._facts.warm(missing.facts)
        except TimeoutError:
            write.give_up_waiting()
        except Exception:  # a bug of the source must not keep the session waiting for ever
            log.exception("facts for a payment could not be fetched because of a bug")
            write.give_up_waiting()
        session.waiting = None
        self.submit(write)

    def _abandon_in_lane(self, write: QueuedWrite) -> None:
        _abandon(write)
        self.judged(write)


def _abandon(write: QueuedWrite) -> None:
    write.request.settle(_abandoned())


def _abandoned() -> Refusal:
    """Make the outcome of a write that was not judged because its session ended; it is told to no client."""
    return invalid("the session ended before this was judged")
