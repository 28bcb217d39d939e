"""Subscriptions that see nothing of a write."""

from dataclasses import replace
from select import select

import pytest

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.fanout import expect_nothing, run
from minirelay.bench.scenarios.latency import drain
from minirelay.bench.session import TIMEOUT_S, BenchError
from minirelay.bench.target import Target
from minirelay.bench.workload import Author, fill
from tests.bench.conftest import TINY
from tests.bench.sections import values_of


def test_idle_subscriptions_cost_a_write_nothing() -> None:
    plan = replace(TINY, idle_subscriptions=2000, writes=300, rounds=3, in_flight=64)
    values = values_of(run(Bench(plan, lambda _: None)))
    # Ten times what is allowed: these are few writes, on a machine that does other things meanwhile.
    assert 0 < values["in comparison"] <= 1 + 10 * (goals.COST_OF_IDLE.bound - 1)
    assert values["with 2,000 idle subscriptions"] > 0


def test_a_push_to_one_of_them_is_noticed(target: Target) -> None:
    author = Author(target.writer, target.shop_id)
    with target.session(target.writer) as writer, target.session() as visitor:
        visitor.subscribe(target.shop_id)
        drain(visitor)
        expect_nothing([visitor])
        fill(writer, author, range(2))
        assert select([visitor.socket], [], [], TIMEOUT_S)[0]
        with pytest.raises(BenchError, match="sees nothing"):
            expect_nothing([visitor])


def test_a_running_relay_has_other_sessions(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        run(bench)
