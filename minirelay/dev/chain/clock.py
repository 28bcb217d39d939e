"""The chain's clock: the machine's, plus what scripts have added to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """Seconds since 1970, plus offset_s; next_timestamp, once set, is for the next block alone."""

    offset_s: int = 0
    next_timestamp: int | None = None
    read: Callable[[], float] = time.time

    def timestamp_after(self, parent: int) -> int:
        """Return the timestamp for a block on one with timestamp `parent`: always a later one."""
        if self.next_timestamp is not None:
            return self.next_timestamp
        return max(parent + 1, int(self.read()) + self.offset_s)

    def advance(self, seconds: int) -> None:
        """Shift all that comes by this many seconds."""
        self.offset_s += seconds

    def settle(self, timestamp: int) -> None:
        """Take note of a new block: after one with a timestamp set by hand, time flows on from there."""
        if self.next_timestamp is not None:
            self.offset_s = timestamp - int(self.read())
            self.next_timestamp = None
