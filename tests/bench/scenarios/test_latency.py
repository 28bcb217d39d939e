"""The figures of a lone writer."""

from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.latency import drain, react, run
from minirelay.bench.target import Target
from minirelay.bench.workload import Author, fill, frames_of
from tests.bench.sections import values_of


def test_figures(bench: Bench) -> None:
    values = values_of(run(bench))
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
