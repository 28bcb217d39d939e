"""The figures of a new subscriber, and of subscriptions that see nothing of a write."""

from dataclasses import replace
from select import select

import pytest

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.subscriptions import (
    LISTINGS,
    catch_up,
    expect_nothing,
    extend_log,
    run_backlog,
    run_fanout,
    start_log,
)
from minirelay.bench.scenarios.writes import drain
from minirelay.bench.session import TIMEOUT_S, BenchError
from minirelay.bench.target import Target
from minirelay.bench.workload import Author, fill
from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType
from tests.bench.conftest import TINY
from tests.bench.sections import assert_all_positive, values_of


def test_figures_of_backlog(own_bench: Bench) -> None:
    values = values_of(run_backlog(own_bench))
    assert_all_positive(
        values,
        "all of it, by a clerk",
        "its first push",
        "load generator busy",
        "all that is public, by a visitor",
        "one listing, in 2 sets: first push",
        "one listing, in the last of all sets",
    )
    # A header, a signature and a patch, the indexes that find them, in whole pages.
    assert 250 < values["database"] < 5000


def test_figures_of_a_running_relay_leave_its_disk_out(bench: Bench) -> None:
    values = values_of(run_backlog(bench))
    assert "database" not in values
    assert_all_positive(values, "all of it, by a clerk")


def test_the_backlog_is_what_was_written_behind_its_beginning(target: Target) -> None:
    author, begin = start_log(target)
    extend_log(target, author, 2 * LISTINGS + 1, in_flight=16)
    for card in (target.reader, None):
        got = catch_up(target, card, begin)
        assert (got.patches, got.last_seq) == (2 * LISTINGS + 1, begin + 2 * LISTINGS + 1)
        assert 0 < got.first_push_s <= got.seconds
    one = Filter(ObjectType.LISTING, author.listing_id(1).to_bytes(8))
    assert catch_up(target, None, begin, [one]).patches == 2


def test_nothing_to_catch_up_with(target: Target) -> None:
    _, begin = start_log(target)
    assert catch_up(target, None, begin).patches == 0


def test_idle_subscriptions_cost_a_write_nothing() -> None:
    plan = replace(TINY, idle_subscriptions=2000, writes=300, rounds=3, in_flight=64)
    values = values_of(run_fanout(Bench(plan, lambda _: None)))
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
        run_fanout(bench)
