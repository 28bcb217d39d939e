"""Writes: how many are acknowledged in a second and what one costs, in shops of different sizes.

And how long a lone writer waits for its answer, and how long until a subscriber has what was written.
"""

import selectors
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bare_server import bare_server
from minirelay.bench.bench import Bench, Plan
from minirelay.bench.meters import Usage
from minirelay.bench.report import Figure, Section, percentile
from minirelay.bench.session import TIMEOUT_S, BenchError, LoadSession
from minirelay.bench.target import Target
from minirelay.bench.workload import Author, fill, frames_of

LISTINGS: Final = 100

_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Round:
    """Some writes. own_cpu_s: of the load generator. relay: None if its process is not known."""

    writes: int
    seconds: float
    own_cpu_s: float
    relay: Usage | None


def run_writes(bench: Bench) -> Section:
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


PAUSE_S = 0.001
"""Between two writes: each is to find the relay at rest."""

_MS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True)
class Reaction:
    """Seconds from sending a write to its answer, and to its push."""

    ack_s: float
    push_s: float


def run_latency(bench: Bench) -> Section:
    """Write one set at a time; wait for answer and push of each."""
    count = bench.plan.lone_writes
    bench.tell(f"latency: {count:,} writes, one at a time")
    with bench.target() as target, target.session(target.writer) as writer:
        author = Author(target.writer, target.shop_id)
        fill(writer, author, range(LISTINGS))
        frames = frames_of(writer, author.price_changes(LISTINGS, count))
        with target.session(target.reader) as reader:
            reader.subscribe(target.shop_id)
            drain(reader)
            reactions = [react(writer, reader, frame) for frame in frames]
    acks = [reaction.ack_s * _MS_PER_S for reaction in reactions]
    pushes = [reaction.push_s * _MS_PER_S for reaction in reactions]
    figures = (
        Figure("write to answer, p50", percentile(acks, 0.5), "ms", goals.ACK_P50_MS, goals.ACK_ELSEWHERE),
        Figure("write to answer, p99", percentile(acks, 0.99), "ms", goals.P99_MS),
        Figure("write to push, p50", percentile(pushes, 0.5), "ms", goals.PUSH_P50_MS, goals.PUSH_ELSEWHERE),
        Figure("write to push, p99", percentile(pushes, 0.99), "ms", goals.P99_MS),
    )
    notes = (f"{count:,} writes to a shop of {LISTINGS} listings; the push goes to another session.",)
    return Section("latency", "A lone writer", figures, notes)


def drain(reader: LoadSession) -> None:
    """Take the backlog of a fresh subscription, as much as its sync status says."""
    left = reader.unpushed()
    while left > 0:
        left -= reader.acknowledge(reader.receive())[0]


def react(writer: LoadSession, reader: LoadSession, frame: bytes) -> Reaction:
    """Send one write; take the time until its answer and until its push."""
    time.sleep(PAUSE_S)
    ack_s = push_s = 0.0
    with selectors.DefaultSelector() as selector:
        for session in (writer, reader):
            selector.register(session.socket, selectors.EVENT_READ, session)
        begin = time.perf_counter()
        writer.send(frame)
        while not (ack_s and push_s):
            ready = selector.select(TIMEOUT_S)
            moment = time.perf_counter() - begin
            if not ready:
                raise BenchError(f"a write without an answer or a push for {TIMEOUT_S:g} s")
            for key, _ in ready:
                envelopes = key.data.receive_some()
                if key.data is writer:
                    ack_s = ack_s or moment * writer.count_answers(envelopes)
                elif reader.acknowledge(envelopes)[0]:
                    push_s = push_s or moment
    return Reaction(ack_s, push_s)
