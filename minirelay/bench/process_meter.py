"""What a process uses, as the kernel tells it (Linux, /proc): time on a core, waiting for one, memory."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

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
        """Give what was used between two readings."""
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
