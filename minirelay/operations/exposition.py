"""All series of a relay as text for Prometheus."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from minirelay.metrics import Families, Series

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class SeriesCollector(Protocol):
    """Collects the series of one concern."""

    @property
    def series(self) -> tuple[Series, ...]:
        """List what it collects."""

    async def collect(self) -> Families:
        """Collect it."""


class Exposition:
    """Asks all collectors; for whoever asks at a time, once."""

    def __init__(self, collectors: Sequence[SeriesCollector]) -> None:
        self._collectors = collectors
        self._lock = asyncio.Lock()

    @property
    def series(self) -> list[Series]:
        """List all series."""
        return [series for collector in self._collectors for series in collector.series]

    async def text(self) -> bytes:
        """Write all series. Numbers are taken on the loop, with turns between; text is made beside it."""
        async with self._lock:
            families: list[Metric] = []
            for collector in self._collectors:
                families += await collector.collect()
                await asyncio.sleep(0)
            return await asyncio.to_thread(_write, families)


def _write(families: Sequence["Metric"]) -> bytes:
    # A registry for each answer: nothing is shared with other relays of the process.
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import generate_latest
    from prometheus_client.registry import Collector

    class Collected(Collector):
        def collect(self) -> "Iterator[Metric]":
            return iter(families)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collected())
    return generate_latest(registry)
