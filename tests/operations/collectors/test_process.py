"""The process itself."""

import time

from minirelay import __version__
from minirelay.metrics import Histogram, Meters
from minirelay.operations.collectors.process import ProcessCollector, loop_delay_measured, resident_bytes
from tests.operations.collectors.samples import samples
from tests.relay.house import until


async def test_what_the_process_takes() -> None:
    meters = Meters()
    found = await samples(ProcessCollector(meters, lambda: meters.started_at + 60))
    assert found[f"minirelay_info{{{__version__}}}"] == 1
    assert found["minirelay_uptime_seconds"] == 60
    assert found["minirelay_resident_memory_bytes"] > 10 * 2**20
    assert found["minirelay_cpu_seconds_total"] > 0
    assert 3 < found["minirelay_open_files"] <= found["minirelay_open_files_limit"]


def test_memory_that_is_taken_is_seen() -> None:
    before = resident_bytes()
    taken = bytearray(b"x" * 2**25)
    assert resident_bytes() - before > 2**24
    assert len(taken) == 2**25


async def test_a_loop_that_is_held_up_is_late() -> None:
    delays = Histogram()
    async with loop_delay_measured(delays, every_s=0.001):
        await until(lambda: delays.count > 2)
        before = delays.sum
        time.sleep(0.05)  # noqa: ASYNC251 (it is what is measured)
        await until(lambda: delays.sum > before)
    assert delays.sum - before > 0.04
