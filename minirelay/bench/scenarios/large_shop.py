"""A large shop: how fast it fills in sets of 50, what it takes, how soon it answers after a restart."""

import time

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.meters import ProcessMeter
from minirelay.bench.report import Figure, Section
from minirelay.bench.scenarios.backlog import database_bytes
from minirelay.bench.session import BenchError
from minirelay.bench.target import own_relay
from minirelay.bench.workload import FILLING_IN_FLIGHT, FILLING_SET, Author, fill, frames_of

_MIB = 1024 * 1024
_US_PER_S = 1_000_000


def run(bench: Bench) -> Section:
    """Fill a shop, restart its relay, write to it."""
    if bench.running is not None:
        raise BenchError("large-shop: only measured on relays that the benchmark starts itself")
    listings = bench.plan.large_shop
    bench.tell(f"large-shop: {listings:,} listings in sets of {FILLING_SET}")
    with own_relay(bench.directory) as relay:
        target = relay.start()
        author = Author(target.writer, target.shop_id)
        with target.session(target.writer) as session:
            before = target.meter.usage() if target.meter else None
            seconds = fill(session, author, range(listings))
            used = target.meter.usage() - before if target.meter and before else None
        figures = [Figure("filling", listings / seconds, "patches/s")]
        if used:
            figures.append(Figure("  relay, all threads", used.cpu_s / listings * _US_PER_S, "µs CPU/patch"))
        figures += _memory("memory after filling it", target.meter)
        bench.tell("large-shop: restarting the relay")
        relay.stop()
        size = database_bytes(relay.data_dir)
        begin = time.perf_counter()
        target = relay.start()
        started = time.perf_counter()
        with target.session(target.writer) as session:
            write = frames_of(session, [author.seal(author.change_price(listings // 2, 1))])
            session.write_all(write, in_flight=1)
        answered = time.perf_counter()
        is_wanted = listings == goals.LARGE_SHOP
        figures += [
            Figure(
                "restart to the answer to a write",
                answered - begin,
                "s",
                goals.REOPENING_S if is_wanted else None,
            ),
            Figure("  of that, until the relay serves", started - begin, "s"),
            Figure("  of that, signing in, reopening the shop, writing", answered - started, "s"),
            *_memory("memory after reopening it", target.meter),
            Figure("database", size / listings, "bytes/listing"),
        ]
    notes = (f"Filled with {FILLING_IN_FLIGHT} sets of {FILLING_SET} in flight; signing is not counted.",)
    return Section("large-shop", f"A shop of {listings:,} listings", tuple(figures), notes)


def _memory(name: str, meter: ProcessMeter | None) -> list[Figure]:
    return [Figure(name, meter.resident_bytes() / _MIB, "MiB")] if meter else []
