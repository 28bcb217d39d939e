"""Work that is too long for one turn of the event loop: done in slices, the loop's turn in between."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Final

SLICE_S: Final = 0.010
"""How long a slice takes, plus one step."""


class SlicedWork:
    """Everything that waits to be done in slices; one slice a turn, for all subscriptions together."""

    def __init__(self, slice_s: float = SLICE_S, clock: Callable[[], float] = time.perf_counter) -> None:
        """clock: monotonic, in seconds."""
        self._slice_s = slice_s
        self._clock = clock
        self._waiting: deque[Iterator[None]] = deque()
        self._is_scheduled = False

    def add(self, work: Iterator[None]) -> None:
        """Begin with some work in the next turn of the loop. It yields after each step, which is short."""
        self._waiting.append(work)
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._do_slice, context=Context())

    def _do_slice(self) -> None:
        self._is_scheduled = False
        end = self._clock() + self._slice_s
        try:
            while self._waiting:
                work = self._waiting.popleft()
                if not self._is_finished(work, end):
                    # The next slice begins with what waits for longer.
                    self._waiting.append(work)
                    break
        finally:
            # One that raised is gone, and the others go on.
            if self._waiting:
                self._schedule()

    def _is_finished(self, work: Iterator[None], end: float) -> bool:
        return all(self._clock() < end for _ in work)
