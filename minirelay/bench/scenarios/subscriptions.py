"""Subscriptions: how fast a new one gets what it missed, and what many cost a write that they do not see."""

import selectors
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.report import Figure, Section
from minirelay.bench.scenarios.writes import Round, cost_us, measure
from minirelay.bench.session import BenchError, LoadSession
from minirelay.bench.target import Target, own_relay
from minirelay.bench.workload import Author, fill, frames_of
from minirelay.config.limits import LimitSettings
from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.signing import PrivateKey

LISTINGS: Final = 100
LATE_LISTING: Final = LISTINGS
"""One more, which only the very last set changes."""

CHUNK: Final = 2000
"""Sets that are signed, then written."""

_MS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What a new subscriber got. Times from asking, in seconds. busy_s: of this process, on a core."""

    patches: int
    last_seq: int
    first_push_s: float
    seconds: float
    busy_s: float


def run_backlog(bench: Bench) -> Section:
    """Write a log of one-patch sets; subscribe to it whole, as a visitor, and to single listings."""
    sets = bench.plan.backlog_sets
    if bench.running is not None:
        author, begin = start_log(bench.running)
        bench.tell(f"backlog: writing {sets:,} sets")
        extend_log(bench.running, author, sets, bench.plan.in_flight)
        return _section(_read_back(bench, bench.running, author, begin), sets)
    with own_relay(bench.directory) as relay:
        author, begin = start_log(relay.start())
        # Measured while it is stopped: then all is in one file, and nothing is under way.
        relay.stop()
        size_before = database_bytes(relay.data_dir)
        target = relay.start()
        bench.tell(f"backlog: writing {sets:,} sets")
        extend_log(target, author, sets, bench.plan.in_flight)
        figures = list(_read_back(bench, target, author, begin))
        relay.stop()
        grown = database_bytes(relay.data_dir) - size_before
    size = Figure("database", grown / sets, "bytes/set", elsewhere=goals.BYTES_ELSEWHERE)
    return _section([*figures, size], sets)


def start_log(target: Target) -> tuple[Author, int]:
    """Fill a shop; give who writes to it, and the sequence number after which the backlog begins."""
    author = Author(target.writer, target.shop_id)
    with target.session(target.writer) as session:
        fill(session, author, range(LISTINGS + 1))
        # Whoever asks for this listing learns the number of the last set.
        session.write_all(frames_of(session, [author.seal(author.change_price(0, 1))]), in_flight=1)
    return author, catch_up(target, None, 0, [_filter(author, 0)]).last_seq


def extend_log(target: Target, author: Author, sets: int, in_flight: int) -> None:
    """Write that many sets of one patch."""
    with target.session(target.writer) as session:
        for start in range(0, sets - 1, CHUNK):
            changes = author.price_changes(LISTINGS, min(CHUNK, sets - 1 - start))
            session.write_all(frames_of(session, changes), in_flight)
        last = author.seal(author.change_price(LATE_LISTING, 1))
        session.write_all(frames_of(session, [last]), in_flight)


def catch_up(
    target: Target, key_card: PrivateKey | None, after_seq: int, filters: Sequence[Filter] = ()
) -> CatchUp:
    """Subscribe, and take what there is up to now."""
    with target.session(key_card) as session:
        busy, begin = time.process_time(), time.perf_counter()
        session.subscribe(target.shop_id, after_seq, filters)
        expected = session.unpushed()
        patches = last_seq = 0
        first_push_s = 0.0
        while patches < expected:
            count, seq = session.acknowledge(session.receive())
            patches, last_seq = patches + count, seq or last_seq
            first_push_s = first_push_s or time.perf_counter() - begin
        seconds = time.perf_counter() - begin
        return CatchUp(patches, last_seq, first_push_s, seconds, time.process_time() - busy)


def database_bytes(data_dir: Path) -> int:
    """Measure the files of a database that is not open."""
    return sum(file.stat().st_size for file in data_dir.iterdir())


def _read_back(bench: Bench, target: Target, author: Author, begin: int) -> Iterator[Figure]:
    bench.tell("backlog: reading it")
    # With only one card, the writer's session is closed by now.
    whole = catch_up(target, target.reader or target.writer, begin)
    yield Figure(
        "all of it, by a clerk",
        whole.patches / whole.seconds,
        "patches/s",
        goals.BACKLOG_PER_S,
        goals.BACKLOG_ELSEWHERE,
    )
    yield Figure("  its first push", whole.first_push_s * _MS_PER_S, "ms")
    yield Figure("  load generator busy", whole.busy_s / whole.seconds * 100, "% of a core")
    public = catch_up(target, None, begin)
    yield Figure("all that is public, by a visitor", public.patches / public.seconds, "patches/s")
    one = catch_up(target, None, begin, [_filter(author, 1)])
    yield Figure(f"one listing, in {one.patches:,} sets: first push", one.first_push_s * _MS_PER_S, "ms")
    yield Figure("  all of it", one.seconds * _MS_PER_S, "ms")
    late = catch_up(target, None, begin, [_filter(author, LATE_LISTING)])
    yield Figure("one listing, in the last of all sets", late.first_push_s * _MS_PER_S, "ms")


def _filter(author: Author, number: int) -> Filter:
    return Filter(ObjectType.LISTING, author.listing_id(number).to_bytes(8))


def _section(figures: Iterator[Figure] | Sequence[Figure], sets: int) -> Section:
    notes = (f"A log of {sets:,} sets of one patch, written with many in flight, read by a new session.",)
    return Section("backlog", "A new subscriber", tuple(figures), notes)


UNWRITTEN: Final = 1_000_000
"""The first number of the listings that are followed; those that are written come before."""

PER_SESSION: Final = LimitSettings().subscriptions_per_session
"""Subscriptions of a session: as many as a relay allows unless it is told otherwise."""


def run_fanout(bench: Bench) -> Section:
    """Write to two relays in turns: one has many subscriptions to listings that no write touches."""
    if bench.running is not None:
        raise BenchError("fanout: only measured on relays that the benchmark starts itself")
    count = bench.plan.idle_subscriptions
    with own_relay(bench.directory) as plain, own_relay(bench.directory) as followed, ExitStack() as stack:
        writers = [_writer(stack, relay.start()) for relay in (plain, followed)]
        bench.tell(f"fanout: {count:,} subscriptions to one listing each")
        target, _, author = writers[1]
        crowd = _subscribe(stack, target, author, count)
        bench.tell(f"fanout: {bench.plan.rounds} x {bench.plan.writes:,} writes to each of two relays")
        rounds: list[tuple[Round, ...]] = []
        for _ in range(bench.plan.rounds):
            # In turns: what else the machine does hits both.
            rounds.append(tuple(measure(*writer, LISTINGS, bench.plan) for writer in writers))
            expect_nothing(crowd)
    without, with_them = ([pair[place] for pair in rounds] for place in (0, 1))
    ratio = median(cost_us([pair[1]]) / cost_us([pair[0]]) for pair in rounds)
    figures = (
        Figure("a write to a shop that nobody follows", cost_us(without), "µs/set"),
        Figure(f"with {count:,} idle subscriptions", cost_us(with_them), "µs/set"),
        Figure("  in comparison", ratio, "x", goals.COST_OF_IDLE),
    )
    notes = (
        f"Each subscription is to one listing; {PER_SESSION} a session. The writes are to {LISTINGS} others.",
        "The median of the rounds' comparisons, of the time on a core if this system tells it.",
    )
    return Section("fanout", "Subscriptions that see nothing of a write", figures, notes)


def _writer(stack: ExitStack, target: Target) -> tuple[Target, LoadSession, Author]:
    session = stack.enter_context(target.session(target.writer))
    author = Author(target.writer, target.shop_id)
    fill(session, author, range(LISTINGS))
    return target, session, author


def _subscribe(stack: ExitStack, target: Target, author: Author, count: int) -> list[LoadSession]:
    """Open sessions of visitors with that many subscriptions."""
    sessions: list[LoadSession] = []
    for number in range(count):
        if number % PER_SESSION == 0:
            expect_nothing(sessions)
            sessions.append(stack.enter_context(target.session()))
        listing = author.listing_id(UNWRITTEN + number).to_bytes(8)
        sessions[-1].subscribe(target.shop_id, filters=[Filter(ObjectType.LISTING, listing)])
    return sessions


def expect_nothing(sessions: Sequence[LoadSession]) -> None:
    """Answer the pings that have come. Raises BenchError if there is a push."""
    with selectors.DefaultSelector() as selector:
        for session in sessions:
            selector.register(session.socket, selectors.EVENT_READ, session)
        for key, _ in selector.select(0):
            if key.data.receive_some():
                raise BenchError("a push for a subscription that sees nothing of what was written")
