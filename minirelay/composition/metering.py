"""What is counted, and who may ask for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from minirelay.composition.foundations import Foundations
from minirelay.composition.running_relay import RunningRelay
from minirelay.operations.collectors.chains import ChainsCollector
from minirelay.operations.collectors.process import ProcessCollector, loop_delay_measured
from minirelay.operations.collectors.shops import ShopsCollector
from minirelay.operations.collectors.storage import StorageCollector
from minirelay.operations.collectors.traffic import TrafficCollector
from minirelay.operations.exposition import Exposition
from minirelay.operations.totals import KnownTotals
from minirelay.store.messages import BatchReport


@dataclass(frozen=True, slots=True)
class Metering:
    """What there is to know of a relay in numbers."""

    exposition: Exposition
    totals: KnownTotals


@asynccontextmanager
async def metering(on: Foundations, running: RunningRelay) -> AsyncIterator[Metering]:
    """Measure while the block runs."""
    relay = running.relay
    meters = relay.meters

    def note_batch(report: BatchReport) -> None:
        meters.batch_stored(report.commits, report.rows, report.duration_s)

    on.store.writer.on_batch = note_batch
    totals = KnownTotals(on.store.reader, on.settings.limits.metric_shops)
    exposition = Exposition(
        [
            ProcessCollector(meters),
            TrafficCollector(relay),
            StorageCollector(meters, on.store, on.disk, totals),
            ShopsCollector(relay.shops, totals),
            ChainsCollector(running.polling, [one.chain for one in on.chains]),
        ]
    )
    async with loop_delay_measured(meters.loop_delay):
        yield Metering(exposition, totals)
