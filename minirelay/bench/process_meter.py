"""What a process uses, as the kernel tells it (Linux, /proc): time on a core, waiting for one, memory."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far, in seconds.

    cpu_s: of all its threads. loop_cpu_s: of its first thread, in which the event loop runs. waited_s: how
    long that thread was ready to run and had to wait for a core.
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
        return meter if (meter._first_thread / "stat").exists() else None

    def usage(self) -> Usage:
        """Read the clocks of the process. Raises OSError if it has ended."""
        return Usage(_cpu_s(self._directory), _cpu_s(self._first_thread), self._waited_s())

    def resident_bytes(self) -> int:
        """Read how much of its memory is in the machine's (RSS)."""
        return self._status("VmRSS")

    def peak_bytes(self) -> int:
        """Read how much that was at most."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+) kB$", (self._directory / "status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0

    def _waited_s(self) -> float:
        # Kernels can be built without it.
        path = self._first_thread / "schedstat"
        return int(path.read_text().split()[1]) / _NS_PER_S if path.exists() else 0.0


def _cpu_s(directory: Path) -> float:
    # The name in parentheses may have spaces; user and system time are fields 14 and 15.
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
