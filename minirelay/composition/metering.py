"""What is counted, and who may ask for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from minirelay.composition.foundations import Foundations, other_reasons
from minirelay.composition.running_relay import RunningRelay
from minirelay.composition.watched_chains import readiness
from minirelay.event_loop import end_tasks
from minirelay.operations.collectors.chains import ChainsCollector
from minirelay.operations.collectors.process import ProcessCollector, loop_delay_measured
from minirelay.operations.collectors.shops import ShopsCollector
from minirelay.operations.collectors.storage import StorageCollector
from minirelay.operations.collectors.traffic import TrafficCollector
from minirelay.operations.exposition import Exposition
from minirelay.operations.history import History, HistoryRecorder
from minirelay.operations.status import Status
from minirelay.operations.totals import KnownTotals
from minirelay.store.messages import BatchReport
from minirelay.web.ready import lag_reasons


@dataclass(frozen=True, slots=True)
class Metering:
    """What there is to know of a relay in numbers."""

    exposition: Exposition
    totals: KnownTotals
    status: Status
    history: History


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
    chains = [one.chain for one in on.chains]
    status = Status(relay, on.disk, totals, running.polling, chains, partial(_problems, on, running))
    history = History()
    async with loop_delay_measured(meters.loop_delay):
        recording = asyncio.create_task(HistoryRecorder(history, relay, on.disk).run())
        try:
            yield Metering(exposition, totals, status, history)
        finally:
            await end_tasks(recording)


def _problems(on: Foundations, running: RunningRelay) -> list[str]:
    """Say why the relay is not ready, without a write of its own, as `/ready` makes to find out."""
    failing = ["the database does not take writes"] if on.store.writer.is_failing else []
    return [*failing, *other_reasons(on), *lag_reasons(readiness(on.settings, running.polling))]
