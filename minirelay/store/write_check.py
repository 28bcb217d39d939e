"""Whether the database takes writes, found out with as few writes as possible (spec 08, `/health`)."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from minirelay.store.errors import StoreUnavailable
from minirelay.store.writer import Writer

PROBE_INTERVAL_S: Final = 10.0
"""However often it is asked, this long passes between two probes, and what was stored so lately is proof."""


class WriteCheck:
    """Tells from what the writer did, and by a probe where it did nothing lately."""

    def __init__(self, writer: Writer, *, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: in seconds, the writer's."""
        self._writer = writer
        self._clock = clock
        self._probe: asyncio.Future[None] | None = None
        self._probed_at = float("-inf")

    async def check(self) -> None:
        """Make sure that what clients write can be stored. Raises StoreUnavailable, StoreClosed."""
        writer, now = self._writer, self._clock()
        await asyncio.to_thread(writer.file.check)
        if not writer.is_failing and now - writer.stored_at < PROBE_INTERVAL_S:
            return
        probe = self._probe
        if probe is None or (probe.done() and now - self._probed_at >= PROBE_INTERVAL_S):
            probe = self._probe = writer.probe()
            probe.add_done_callback(_retrieve)
            self._probed_at = now
        # Shielded: whoever asked may leave, others wait for the same probe.
        await asyncio.shield(probe)
        if writer.is_failing:
            raise StoreUnavailable("what clients wrote last could not be stored")


def _retrieve(probe: asyncio.Future[None]) -> None:
    """Retrieve the outcome, also where no caller waits for it any more."""
    if not probe.cancelled():
        probe.exception()
