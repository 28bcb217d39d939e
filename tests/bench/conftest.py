"""One relay for all tests of the benchmark: a real `minirelay serve`, started once."""

from collections.abc import Iterator

import pytest

from minirelay.bench.bench import Bench, Plan
from minirelay.bench.target import Target, own_relay

TINY = Plan(
    listings=(20, 60),
    in_flight=8,
    rounds=2,
    writes=30,
    lone_writes=10,
    backlog_sets=201,
    idle_subscriptions=70,
    subscribers=3,
    large_shop=120,
    guests=300,
    orders=150,
    waiting_choices=3,
    polls=5,
    uploads=1,
    disk_seconds=2.0,
    step_seconds=0.001,
)


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    """Yield a relay that runs, with two clerks and a guest."""
    with own_relay(None, clerks=2, guests=1) as relay:
        yield relay.start()


@pytest.fixture
def told() -> list[str]:
    """Collect what the benchmark says while it runs."""
    return []


@pytest.fixture
def own_bench(told: list[str]) -> Bench:
    """Return a tiny run on relays of its own."""
    return Bench(TINY, told.append)


@pytest.fixture
def bench(told: list[str], target: Target) -> Bench:
    """Return a tiny run on the relay that runs."""
    return Bench(TINY, told.append, target)
