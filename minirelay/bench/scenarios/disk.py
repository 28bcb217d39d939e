"""How many bytes reach the disk for a write: memory cards wear out by them.

At different rates: writes that come close together share a commit, and with it pages.
"""

import time
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.meters import ProcessMeter
from minirelay.bench.report import Figure, Section
from minirelay.bench.session import BenchError, LoadSession
from minirelay.bench.target import own_relay
from minirelay.bench.workload import Author, fill, frames_of

LISTINGS: Final = 1000
RATES: Final = (1, 10, 100)
"""Writes per second."""

_KIB: Final = 1024


def run(bench: Bench) -> Section:
    """Start a relay, fill a shop, write price changes at each rate; read what the process wrote meanwhile."""
    if bench.running is not None:
        raise BenchError("disk: only measured on relays that the benchmark starts itself")
    figures = []
    with own_relay(bench.directory) as relay:
        begin = time.perf_counter()
        target = relay.start()
        figures.append(Figure("ready after the start", time.perf_counter() - begin, "s", goals.READY_S))
        meter = target.meter
        if meter is None or meter.written_bytes() is None:
            raise BenchError("disk: this system does not say what a process writes")
        with target.session(target.writer) as writer:
            author = Author(target.writer, target.shop_id)
            fill(writer, author, range(LISTINGS))
            for rate in RATES:
                count = max(2, round(bench.plan.disk_seconds * rate))
                bench.tell(f"disk: {count:,} writes, {rate:,} per second")
                written = _write_at(rate, count, writer, author, meter)
                goal = goals.DISK_KIB if rate == min(RATES) else None
                figures.append(Figure(f"at {rate:,} writes/s", written / count / _KIB, "KiB/write", goal))
    notes = (
        f"Sets of one patch in a shop of {LISTINGS:,} listings; checkpoints included as they come.",
        "It is what the kernel counts as written by the process, in pages of 4 KiB.",
    )
    return Section("disk", "Written to the disk for a write", tuple(figures), notes)


def _write_at(rate: int, count: int, writer: LoadSession, author: Author, meter: ProcessMeter) -> int:
    """Write price changes at a pace, without waiting for answers in between; give the bytes."""
    frames = frames_of(writer, author.price_changes(LISTINGS, count))
    before = meter.written_bytes() or 0
    begin = time.perf_counter()
    for number, frame in enumerate(frames):
        time.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        writer.write_all([frame], 1)
    return (meter.written_bytes() or 0) - before
