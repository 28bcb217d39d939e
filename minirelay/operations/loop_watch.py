"""How late the event loop is, measured from a thread: what stands still can't say so (spec 09, "Health").

When it goes on, `/ready` still says for a while that it stood still, since nobody was answered meanwhile.
"""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from minirelay.logs import one_line

ASK_EVERY_S: Final = 0.5
STALL_S: Final = 5.0
"""A turn as long as this is a stall (spec 08, `/health`)."""

REMEMBERED_S: Final = 30.0
"""How long a stall that is over is told: long enough for whoever asks every 15 s."""

MOST_FRAMES: Final = 4

log = logging.getLogger(__name__)


class LoopWatch:
    """Asks the loop again and again to answer, and measures how long that takes."""

    def __init__(
        self,
        *,
        stall_s: float = STALL_S,
        remembered_s: float = REMEMBERED_S,
        ask_every_s: float = ASK_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """clock: in seconds; asked from both threads."""
        self._stall_s = stall_s
        self._remembered_s = remembered_s
        self._ask_every_s = ask_every_s
        self._clock = clock
        self._stall: tuple[float, float] | None = None
        self._asked_at: float | None = None
        self._is_told = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch the loop that runs here while the block runs."""
        end = threading.Event()
        arguments = (asyncio.get_running_loop(), threading.get_ident(), end)
        thread = threading.Thread(
            target=self._watch, args=arguments, name="minirelay-loop-watch", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def reasons(self) -> list[str]:
        """Say what there is against the loop: a stall that is over since a short while ago."""
        if self._stall is None:
            return []
        took_s, ended_at = self._stall
        ago_s = self._clock() - ended_at
        if ago_s > self._remembered_s:
            return []
        return [f"the event loop stood still for {took_s:.0f} s, until {ago_s:.0f} s ago"]

    def _watch(self, loop: asyncio.AbstractEventLoop, loop_thread: int, end: threading.Event) -> None:
        woke_at = self._clock()
        while not end.wait(self._ask_every_s):
            slept_at, woke_at = woke_at, self._clock()
            self._note(woke_at - slept_at)
            asked_at = self._asked_at
            if asked_at is None:
                self._asked_at = self._clock()
                self._is_told = False
                loop.call_soon_threadsafe(self._answer, self._asked_at)
            elif not self._is_told and self._clock() - asked_at > self._stall_s:
                self._is_told = True
                _tell(self._clock() - asked_at, loop_thread)

    def _answer(self, asked_at: float) -> None:
        self._note(self._clock() - asked_at)
        self._asked_at = None

    def _note(self, took_s: float) -> None:
        """Take note of how long the loop took, or this thread: then the whole process stood still."""
        if took_s > self._stall_s:
            self._stall = took_s, self._clock()
            log.error("the event loop stood still, and goes on", extra={"seconds": round(took_s, 1)})


def _tell(seconds: float, loop_thread: int) -> None:
    """Log that the loop stands still, and where in the code: places only, no values."""
    frame = sys._current_frames().get(loop_thread)
    places = [] if frame is None else traceback.extract_stack(frame)[-MOST_FRAMES:]
    where = " < ".join(
        [f"{one.filename.rpartition('/')[2]}:{one.lineno} {one.name}" for one in reversed(places)]
    )
    log.error("the event loop stands still", extra={"seconds": round(seconds, 1), "in": one_line(where)})
