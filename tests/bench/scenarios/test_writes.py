"""The figures of writes at several sizes, and of a lone writer."""

from minirelay.bench.bench import Bench
from minirelay.bench.meters import Usage
from minirelay.bench.scenarios.writes import Round, cost_us, drain, react, run_latency, run_writes
from minirelay.bench.target import Target
from minirelay.bench.workload import Author, fill, frames_of
from tests.bench.sections import assert_all_positive, values_of


def test_figures_at_each_size(own_bench: Bench) -> None:
    section = run_writes(own_bench)
    values = values_of(section)
    assert_all_positive(values, "acknowledged at 20 listings", "acknowledged at 60 listings")
    assert_all_positive(values, "cost of a write at 60 listings, in writes at 20")
    assert_all_positive(values, "a bare server that only recovers, decodes, commits")
    assert_all_positive(values, "the relay in comparison at 20 listings")
    assert "the relay in comparison at 60 listings" not in values
    for size in (20, 60):
        median, best = (
            values[f"acknowledged at {size} listings"],
            values[f"its best round at {size} listings"],
        )
        assert 1 < median <= best < 1_000_000
        everything = values[f"relay, all threads, at {size} listings"]
        # The kernel counts in ticks of 10 ms, two clocks at two moments.
        assert everything >= 0
        assert values[f"relay, its event loop, at {size} listings"] <= everything + 700
        assert 0 <= values[f"load generator busy at {size} listings"] <= 110


def test_without_a_meter_the_clock_tells_the_cost(bench: Bench) -> None:
    assert (
        cost_us([Round(100, 0.5, 0.0, None), Round(100, 0.1, 0.0, None), Round(100, 0.2, 0.0, None)]) == 2000
    )


def test_with_a_meter_time_on_a_core_tells_it() -> None:
    rounds = [Round(1000, 9.0, 0.0, Usage(cpu, cpu / 2, 0.0)) for cpu in (0.3, 0.9, 0.4)]
    assert cost_us(rounds) == 400


def test_figures_of_latency(bench: Bench) -> None:
    values = values_of(run_latency(bench))
    assert set(values) == {
        f"write to {what}, {which}" for what in ("answer", "push") for which in ("p50", "p99")
    }
    for what in ("answer", "push"):
        assert 0 < values[f"write to {what}, p50"] <= values[f"write to {what}, p99"] < 60_000


def test_each_reaction_is_of_its_own_write(target: Target) -> None:
    author = Author(target.writer, target.shop_id)
    with target.session(target.writer) as writer, target.session() as visitor:
        fill(writer, author, range(2))
        visitor.subscribe(target.shop_id)
        drain(visitor)
        for frame in frames_of(writer, author.price_changes(2, 5)):
            reaction = react(writer, visitor, frame)
            assert 0 < reaction.ack_s < 60
            assert 0 < reaction.push_s < 60
