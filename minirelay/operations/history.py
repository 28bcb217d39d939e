"""A day of a relay by minutes, for the charts of the operator's page: in memory, of fixed size (spec 09)."""

import asyncio
import logging
import math
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from minirelay.metrics import ACCEPTED, Histogram, Meters, quantile
from minirelay.operations.collectors.process import resident_bytes
from minirelay.operations.collectors.storage import file_sizes
from minirelay.operations.disk_guard import DiskGuard
from minirelay.relay.relay import Relay

log = logging.getLogger(__name__)

STEP_S: Final = 60.0
STEPS: Final = 24 * 60
SERIES: Final = (
    "sessions",
    "writes",
    "refused_writes",
    "pushes",
    "ack_p50_ms",
    "ack_p95_ms",
    "push_p50_ms",
    "push_p95_ms",
    "disk_free_bytes",
    "database_bytes",
    "wal_bytes",
    "resident_bytes",
)
"""writes, refused_writes, pushes: in that minute. Latencies: of that minute. The rest: at its end."""

_SLOW: Final = 0.95
_MS: Final = 1000.0

HistoryDocument = dict[str, str | float | dict[str, list[float | None]]]


class History:
    """Rings of numbers, one for each series: what is a day old is overwritten."""

    def __init__(self, steps: int = STEPS) -> None:
        """steps: that are kept."""
        self._rings = {name: array("d", [math.nan]) * steps for name in SERIES}
        self._steps = steps
        self._count = 0
        self._ended_at: datetime | None = None

    def note(self, values: Mapping[str, float | None], at: datetime) -> None:
        """Take the numbers of a step that has just ended; what is missing or None is not known."""
        place = self._count % self._steps
        for name, ring in self._rings.items():
            value = values.get(name)
            ring[place] = math.nan if value is None else value
        self._count += 1
        self._ended_at = at

    def document(self, most: int | None = None) -> HistoryDocument:
        """Describe it: the oldest step first, None for what is not known. most: of the latest steps."""
        first = max(0, self._count - min(self._steps, self._steps if most is None else most))
        places = [number % self._steps for number in range(first, self._count)]
        ended = "" if self._ended_at is None else self._ended_at.astimezone(UTC).isoformat(timespec="seconds")
        return {
            "step_s": STEP_S,
            "ended_at": ended.replace("+00:00", "Z"),
            "series": {
                name: [None if math.isnan(ring[place]) else ring[place] for place in places]
                for name, ring in self._rings.items()
            },
        }


class HistoryRecorder:
    """Notes the numbers of a relay, minute by minute."""

    def __init__(self, history: History, relay: Relay, disk: DiskGuard) -> None:
        self._history = history
        self._relay = relay
        self._disk = disk
        self._accepted = self._refused = self._pushes = 0
        self._ack, self._push = _Since(), _Since()

    async def run(self, every_s: float = STEP_S) -> None:
        """Note them until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.look()
            except Exception:  # the task's only observer; the next minute is another one
                log.exception("a minute is missing in the history because of a bug")

    async def look(self) -> None:
        """Note what has come since the last time, and what is now."""
        meters = self._relay.meters
        database, wal = await asyncio.to_thread(file_sizes, self._relay.store.path)
        ack, push = self._ack.take(meters.ack), self._push.take(meters.push)
        self._history.note(
            {
                "sessions": self._relay.session_count,
                **self._flows(meters),
                "ack_p50_ms": _ms(meters.ack.bounds, ack, 0.5),
                "ack_p95_ms": _ms(meters.ack.bounds, ack, _SLOW),
                "push_p50_ms": _ms(meters.push.bounds, push, 0.5),
                "push_p95_ms": _ms(meters.push.bounds, push, _SLOW),
                "disk_free_bytes": self._disk.free_bytes,
                "database_bytes": database,
                "wal_bytes": wal,
                "resident_bytes": resident_bytes(),
            },
            datetime.now(UTC),
        )

    def _flows(self, meters: Meters) -> dict[str, float]:
        accepted = meters.writes[ACCEPTED]
        refused = sum(meters.writes.values()) - accepted
        pushes = meters.messages.pushes
        flows = {
            "writes": accepted - self._accepted,
            "refused_writes": refused - self._refused,
            "pushes": pushes - self._pushes,
        }
        self._accepted, self._refused, self._pushes = accepted, refused, pushes
        return {name: float(count) for name, count in flows.items()}


class _Since:
    """What a histogram has counted since the last time."""

    def __init__(self) -> None:
        self._before: list[int] = []

    def take(self, histogram: Histogram) -> list[int]:
        before = self._before or [0] * len(histogram.counts)
        self._before = list(histogram.counts)
        return [now - then for now, then in zip(histogram.counts, before, strict=True)]


def _ms(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    value = quantile(bounds, counts, share)
    return None if value is None else round(value * _MS, 2)
