"""What subscriptions cost a write that none of them sees: nothing, as far as this can tell."""

import selectors
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.report import Figure, Section
from minirelay.bench.scenarios.writes import Round, cost_us, measure
from minirelay.bench.session import BenchError, LoadSession
from minirelay.bench.target import Target, own_relay
from minirelay.bench.workload import Author, fill
from minirelay.config.limits import LimitSettings
from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType

LISTINGS: Final = 100
UNWRITTEN: Final = 1_000_000
"""The first number of the listings that are followed; those that are written come before."""

PER_SESSION: Final = LimitSettings().subscriptions_per_session
"""Subscriptions of a session: as many as a relay allows unless it is told otherwise."""


def run(bench: Bench) -> Section:
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
