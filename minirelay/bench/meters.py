"""What is measured with: time on a core, turns of the event loop, what a process uses."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Final, Self, TypeVar

T = TypeVar("T")

US_PER_S: Final = 1_000_000
_LEAST_PASSES: Final = 3


def time_each(work: Callable[[T], object], inputs: Sequence[T], seconds: float) -> float:
    """Time a function over inputs, again and again for that long; give µs for one, the median of the passes.

    With many different inputs, nothing that is cached in between looks cheaper than it is.
    """
    passes: list[float] = []
    end = time.perf_counter() + seconds
    while len(passes) < _LEAST_PASSES or time.perf_counter() < end:
        begin = time.thread_time()
        for one in inputs:
            work(one)
        passes.append(time.thread_time() - begin)
    return median(passes) / len(inputs) * US_PER_S


_TICK_S: Final = 0.001


class LoopMeter:
    """Ticks while its block runs. longest_s: how late the latest tick was, in seconds."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self.longest_s = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to tick."""
        self._ticking = asyncio.get_running_loop().create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End with a tick."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])

    async def _tick(self) -> None:
        while True:
            due = time.perf_counter() + _TICK_S
            try:
                await asyncio.sleep(_TICK_S)
            finally:
                self.longest_s = max(self.longest_s, time.perf_counter() - due)


_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far, in seconds.

    cpu_s: of all its threads that live. loop_cpu_s: of its first thread, in which the event loop runs.
    waited_s: how long that thread was ready to run and had to wait for a core.
    """

    cpu_s: float
    loop_cpu_s: float
    waited_s: float

    def __sub__(self, earlier: "Usage") -> "Usage":
        """Return what was used between two readings."""
        return Usage(
            self.cpu_s - earlier.cpu_s,
            self.loop_cpu_s - earlier.loop_cpu_s,
            self.waited_s - earlier.waited_s,
        )


class ProcessMeter:
    """Reads what one process uses."""

    def __init__(self, pid: int) -> None:
        """pid: of a process that runs."""
        self._directory = Path("/proc") / str(pid)
        self._first_thread = self._directory / "task" / str(pid)

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Make a meter; None if this system tells nothing of that process."""
        meter = cls(pid)
        return meter if meter._first_thread.exists() else None

    def usage(self) -> Usage:
        """Read the clocks of the process. Raises OSError if it has ended."""
        first_cpu_s, first_waited_s = _clocks_of(self._first_thread)
        cpu_s = first_cpu_s
        for thread in (self._directory / "task").iterdir():
            # One that ends just now takes what it used with it.
            with suppress(FileNotFoundError, ProcessLookupError):
                cpu_s += _clocks_of(thread)[0] if thread != self._first_thread else 0.0
        return Usage(cpu_s, first_cpu_s, first_waited_s)

    def resident_bytes(self) -> int:
        """Read how much of its memory is in the machine's (RSS)."""
        return self._status("VmRSS")

    def peak_bytes(self) -> int:
        """Read how much that was at most."""
        return self._status("VmHWM")

    def written_bytes(self) -> int | None:
        """Read how much it made the kernel write to disks; None if the kernel does not tell."""
        io = self._directory / "io"
        try:
            found = re.search(r"^write_bytes: (\d+)$", io.read_text(), re.MULTILINE)
        except OSError:
            return None
        return int(found[1]) if found else None

    def _status(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+) kB$", (self._directory / "status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0


def _clocks_of(thread: Path) -> tuple[float, float]:
    """Read how long a thread was on a core, and ready but without one, in seconds."""
    schedstat = thread / "schedstat"
    if schedstat.exists():
        on_core, waited, _ = map(int, schedstat.read_text().split())
        return on_core / _NS_PER_S, waited / _NS_PER_S
    # Kernels can be built without it. These are ticks, 100 a second: user and system time, fields 14 and 15.
    # The name in parentheses may have spaces.
    fields = (thread / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S, 0.0
