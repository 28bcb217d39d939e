"""When a chain is polled: at its own pace while anything is open, seldom otherwise, at once when called."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from minirelay.chain.block import Block
from minirelay.chain.findings import Marks
from minirelay.chain.poll_calls import PollCalls
from minirelay.chain.poller import Poll
from minirelay.errors import MinirelayError

log = logging.getLogger(__name__)

POLL_INTERVAL_S: Final = 4.0
DEVELOPMENT_INTERVAL_S: Final = 0.5
QUIET_INTERVAL_S: Final = 30.0


class Pace(msgspec.Struct, frozen=True):
    """Seconds from the beginning of one poll to that of the next. quiet_s: while nothing is open."""

    interval_s: float
    quiet_s: float

    @classmethod
    def of(cls, interval_s: float, *, is_development: bool, is_always_needed: bool = False) -> "Pace":
        """Make the pace of a chain. interval_s: as it is set, 0 for the default."""
        interval_s = interval_s or (DEVELOPMENT_INTERVAL_S if is_development else POLL_INTERVAL_S)
        return cls(interval_s, interval_s if is_always_needed else max(interval_s, QUIET_INTERVAL_S))


class Polled(Protocol):
    """What is polled: a `Poller`."""

    @property
    def is_needed(self) -> bool:
        """Return whether anything is open."""

    async def poll(self) -> Poll:
        """Poll once. Raises MinirelayError."""


class ChainStatus(msgspec.Struct, frozen=True):
    """How far a chain is read. None: not yet. lag_s: since when it was not read up to its head.

    head_time: when the head was made, in epoch seconds.
    """

    chain_id: int
    head: int | None
    scanned: int | None
    final: int | None
    lag_s: float
    head_time: int | None = None

    @property
    def lag_blocks(self) -> int | None:
        """Return how many blocks are still to be read."""
        return None if self.head is None or self.scanned is None else max(0, self.head - self.scanned)


class PollLoop:
    """Polls one chain again and again."""

    def __init__(
        self,
        chain_id: int,
        polled: Polled,
        pace: Pace,
        calls: PollCalls,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """calls: who else needs the chain. clock: monotonic, in seconds."""
        self._chain_id = chain_id
        self._polled = polled
        self._pace = pace
        self._clock = clock
        self._calls = calls
        self._head: Block | None = None
        self._marks: Marks | None = None
        self._complete_at = clock()
        self._complaint = ""

    def status(self) -> ChainStatus:
        """Say how far the chain is read."""
        marks, head = self._marks, self._head
        return ChainStatus(
            self._chain_id,
            None if head is None else head.number,
            None if marks is None else marks.scanned,
            None if marks is None else marks.final,
            max(0.0, self._clock() - self._complete_at),
            None if head is None else head.timestamp,
        )

    def note_head(self, head: Block) -> None:
        """Take note of a head, which is known before the poll is over."""
        self._head = head

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            self._calls.clear()
            began_at = self._clock()
            if await self._poll():
                await asyncio.sleep(0)
            else:
                await self._pause(began_at)

    async def _poll(self) -> bool:
        """Poll once, whatever happens. Gives whether there is more to read at once."""
        try:
            poll = await self._polled.poll()
        except MinirelayError as error:
            # The endpoints' own failures, and the database's, are logged already.
            log.debug("a chain could not be polled", extra={"chain": self._chain_id, "reason": str(error)})
        except Exception as error:
            if repr(error) != self._complaint:
                log.exception("polling a chain failed; it is tried again", extra={"chain": self._chain_id})
            self._complaint = repr(error)
        else:
            self._complaint = ""
            self._marks = poll.marks
            if poll.marks.scanned >= poll.marks.head.number:
                self._complete_at = self._clock()
            return poll.is_behind
        return False

    async def _pause(self, began_at: float) -> None:
        is_busy = self._calls.is_needed or self._polled.is_needed
        interval_s = self._pace.interval_s if is_busy else self._pace.quiet_s
        left_s = began_at + interval_s - self._clock()
        # At least one turn of the loop, however long the poll took.
        await self._calls.wait(max(0.001, left_s))
