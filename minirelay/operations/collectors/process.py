"""The process: memory, processor, files, the event loop."""

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from minirelay import __version__
from minirelay.event_loop import end_tasks
from minirelay.metrics import Families, Histogram, Meters, Series

INFO: Final = Series("minirelay_info", "gauge", "1: which version runs.", ("version",))
UPTIME: Final = Series("minirelay_uptime_seconds", "gauge", "Since when the relay runs.")
RSS: Final = Series("minirelay_resident_memory_bytes", "gauge", "Memory of the process (RSS).")
CPU: Final = Series("minirelay_cpu_seconds", "counter", "Processor time of the process.")
FILES: Final = Series("minirelay_open_files", "gauge", "File descriptors that are open.")
MAX_FILES: Final = Series("minirelay_open_files_limit", "gauge", "File descriptors that may be open.")
LOOP_DELAY: Final = Series(
    "minirelay_loop_delay_seconds", "histogram", "How late the event loop comes to what is due."
)
SERIES: Final = (INFO, UPTIME, RSS, CPU, FILES, MAX_FILES, LOOP_DELAY)

DELAY_EVERY_S: Final = 0.5
_STATM: Final = Path("/proc/self/statm")
_DESCRIPTORS: Final = Path("/proc/self/fd")


class ProcessCollector:
    """What the process takes."""

    def __init__(self, meters: Meters, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: that of the meters, in seconds."""
        self._meters = meters
        self._clock = clock

    @property
    def series(self) -> tuple[Series, ...]:
        """List what it collects."""
        return SERIES

    async def collect(self) -> Families:
        """Collect it."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return [
            INFO.by({(__version__,): 1}),
            UPTIME.of(self._clock() - self._meters.started_at),
            RSS.of(resident_bytes()),
            CPU.of(time.process_time()),
            FILES.of(_open_files()),
            MAX_FILES.of(None if soft == resource.RLIM_INFINITY else soft),
            LOOP_DELAY.of_histogram(self._meters.loop_delay),
        ]


def resident_bytes() -> int:
    """Return the memory that the process has now; where the system does not say, the most that it had."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _open_files() -> int | None:
    try:
        return len(os.listdir(_DESCRIPTORS))
    except OSError:
        return None


@asynccontextmanager
async def loop_delay_measured(delays: Histogram, every_s: float = DELAY_EVERY_S) -> AsyncIterator[None]:
    """Measure how late the loop comes to what is due, again and again, while the block runs."""

    async def measure() -> None:
        now = asyncio.get_running_loop().time
        while True:
            due = now() + every_s
            await asyncio.sleep(every_s)
            delays.observe(max(0.0, now() - due))

    measuring = asyncio.create_task(measure())
    try:
        yield
    finally:
        await end_tasks(measuring)
