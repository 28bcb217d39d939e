"""What all sessions together are given of one turn of the event loop (spec 01, "Limits on the outside").

Each session has its own share of a turn; many at once would still make it long for all others. Frames cost
very different work, most of it in tasks that run later: so when turns take too long, fewer are handed on. Who
finds nothing left waits in a queue, clerks before all others; all that wait are served alike, so that a
session with one frame does not wait for those with thousands.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Final

LONG_TURN_S: Final = 0.01
"""A turn that takes longer makes the next share smaller, in proportion."""

FEWEST_FRAMES: Final = 4


@dataclass(eq=False, slots=True)
class Waiting:
    """A session that waits for its share."""

    go_on: Callable[[], None] | None

    def cancel(self) -> None:
        """Wait no longer."""
        self.go_on = None


class TurnShare:
    """Frames and bytes that may still be handed on in this turn."""

    def __init__(self, frames: int, size_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """frames, size_bytes: of a turn, by all sessions together, while turns are short. clock: seconds."""
        self._most_frames = self._frames = self._frames_left = self._each = frames
        self._most_bytes = self._bytes_left = size_bytes
        self._clock = clock
        self._began = float("-inf")
        self._waiting_clerks: deque[Waiting] = deque()
        self._waiting: deque[Waiting] = deque()
        self._is_serving = False
        self._is_scheduled = False

    @property
    def frames_left(self) -> int:
        """Return how many frames may be handed on; 0 means that the caller has to `wait`."""
        if self._bytes_left <= 0:
            return 0
        if self._is_serving:
            return min(self._frames_left, self._each)
        return 0 if self._waiting or self._waiting_clerks else self._frames_left

    def take(self, frames: int, size_bytes: int) -> None:
        """Take note of what was handed on."""
        self._frames_left -= frames
        self._bytes_left -= size_bytes
        self._schedule()

    def wait(self, go_on: Callable[[], None], *, is_clerk: bool) -> Waiting:
        """Wait for a share; go_on is called in a later turn, after those who wait already."""
        waiting = Waiting(go_on)
        (self._waiting_clerks if is_clerk else self._waiting).append(waiting)
        self._schedule()
        return waiting

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._began = self._clock()
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._is_scheduled = False
        self._adapt(self._clock() - self._began)
        self._frames_left, self._bytes_left = self._frames, self._most_bytes
        served = list(chain(self._waiting_clerks, self._waiting))
        self._waiting_clerks.clear()
        self._waiting.clear()
        self._each = max(1, self._frames // max(1, len(served)))
        self._serve(deque(served))

    def _adapt(self, took_s: float) -> None:
        if took_s > LONG_TURN_S:
            self._frames = max(FEWEST_FRAMES, int(self._frames * LONG_TURN_S / took_s))
        else:
            self._frames = min(self._most_frames, 2 * self._frames)

    def _serve(self, served: deque[Waiting]) -> None:
        self._is_serving = True
        try:
            while served and self.frames_left:
                go_on = served.popleft().go_on
                if go_on is not None:
                    go_on()
        finally:
            self._is_serving = False
            # Before those who came meanwhile: they had their share.
            self._waiting.extendleft(reversed(served))
            if self._waiting or self._waiting_clerks:
                self._schedule()
