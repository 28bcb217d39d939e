"""How many writes are acknowledged in a second, and what one costs, in shops of different sizes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from minirelay.bench import goals
from minirelay.bench.bare_server import bare_server
from minirelay.bench.bench import Bench, Plan
from minirelay.bench.meters import Usage
from minirelay.bench.report import Figure, Section
from minirelay.bench.session import LoadSession
from minirelay.bench.target import Target
from minirelay.bench.workload import Author, fill, frames_of

_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Round:
    """Some writes. own_cpu_s: of the load generator. relay: None if its process is not known."""

    writes: int
    seconds: float
    own_cpu_s: float
    relay: Usage | None


def run(bench: Bench) -> Section:
    """Fill a shop step by step; write patch sets of one patch at each size."""
    figures: list[Figure] = []
    cost: dict[int, float] = {}
    with (
        bare_server(bench.directory) as bare_url,
        LoadSession.connect(bare_url) as bare,
        bench.target() as target,
        target.session(target.writer) as session,
    ):
        author = Author(target.writer, target.shop_id)
        filled = 0
        for listings in bench.plan.listings:
            bench.tell(f"writes: filling the shop up to {listings:,} listings")
            fill(session, author, range(filled, listings))
            filled = listings
            bench.tell(f"writes: {bench.plan.rounds} x {bench.plan.writes:,} at {listings:,} listings")
            rounds, bare_seconds = [], []
            for _ in range(bench.plan.rounds):
                rounds.append(measure(target, session, author, listings, bench.plan))
                if listings == bench.plan.listings[0]:
                    # In turns: what else the machine does hits both.
                    bare_seconds.append(measure_bare(bare, author, listings, bench.plan))
            cost[listings] = cost_us(rounds)
            figures += _figures(listings, rounds)
            figures += _compared(listings, rounds, bare_seconds)
    smallest, largest = bench.plan.listings[0], bench.plan.listings[-1]
    if smallest != largest:
        is_wanted = (smallest, largest) == (goals.SMALL_SHOP, goals.LARGE_SHOP)
        figures.append(
            Figure(
                f"cost of a write at {largest:,} listings, in writes at {smallest:,}",
                cost[largest] / cost[smallest],
                "x",
                goals.COST_OF_SIZE if is_wanted else None,
            )
        )
    title = f"Writes of one patch, {bench.plan.in_flight} in flight"
    return Section("writes", title, tuple(figures), tuple(_notes(bench.plan)))


def measure(target: Target, session: LoadSession, author: Author, listings: int, plan: Plan) -> Round:
    """Sign, then write one round of price changes."""
    frames = frames_of(session, author.price_changes(listings, plan.writes))
    meter = target.meter
    before = meter.usage() if meter else None
    own = time.process_time()
    seconds = session.write_all(frames, plan.in_flight)
    own = time.process_time() - own
    return Round(len(frames), seconds, own, meter.usage() - before if meter and before else None)


def measure_bare(session: LoadSession, author: Author, listings: int, plan: Plan) -> float:
    """Write a round of the same writes to a bare server; give the seconds."""
    return session.write_all(frames_of(session, author.price_changes(listings, plan.writes)), plan.in_flight)


def cost_us(rounds: list[Round]) -> float:
    """Return what one write costs: the relay's time on a core, in µs; without that, time on the clock."""
    return (
        median([one.relay.cpu_s if one.relay else one.seconds for one in rounds])
        / rounds[0].writes
        * _US_PER_S
    )


def _figures(listings: int, rounds: list[Round]) -> Iterator[Figure]:
    at = f"at {listings:,} listings"
    writes = rounds[0].writes
    yield Figure(
        f"acknowledged {at}",
        writes / median([one.seconds for one in rounds]),
        "sets/s",
        goals.WRITES_PER_S if listings == goals.SMALL_SHOP else None,
        goals.WRITES_ELSEWHERE.get(listings, ""),
    )
    yield Figure(f"  its best round {at}", writes / min(one.seconds for one in rounds), "sets/s")
    usages = [one.relay for one in rounds if one.relay]
    if usages:
        all_cpu = median([usage.cpu_s for usage in usages])
        loop_cpu = median([usage.loop_cpu_s for usage in usages])
        waited = sum(usage.waited_s for usage in usages) / sum(one.seconds for one in rounds)
        yield Figure(f"  relay, all threads, {at}", all_cpu / writes * _US_PER_S, "µs CPU/set")
        yield Figure(f"  relay, its event loop, {at}", loop_cpu / writes * _US_PER_S, "µs CPU/set")
        yield Figure(f"  relay, ready but without a core, {at}", waited * 100, "% of the time")
    busy = sum(one.own_cpu_s for one in rounds) / sum(one.seconds for one in rounds)
    yield Figure(f"  load generator busy {at}", busy * 100, "% of a core")


def _compared(listings: int, rounds: list[Round], bare_seconds: list[float]) -> Iterator[Figure]:
    if bare_seconds:
        writes = rounds[0].writes
        bare = median(bare_seconds)
        yield Figure("  a bare server that only recovers, decodes, commits", writes / bare, "sets/s")
        share = bare / median([one.seconds for one in rounds])
        yield Figure(f"  the relay in comparison at {listings:,} listings", share * 100, "% of that")


def _notes(plan: Plan) -> Iterator[str]:
    yield f"One session; the median of {plan.rounds} rounds of {plan.writes:,} writes."
    yield "The relay takes of it what it would take of many sessions (limits.frame_rate)."
    yield "Sets are signed and framed before the clock starts; shops are filled with sets of 50."
