"""The steps of a write and of a push."""

import pytest

from minirelay.bench.bench import Bench
from minirelay.bench.fixtures import new_keys
from minirelay.bench.scenarios.steps import Step, run
from minirelay.bench.target import Target
from tests.bench.sections import values_of

ON_THE_LOOP = (
    "envelope decoded",
    "patch set decoded",
    "root and signature verified",
    "patch applied, state and its root made",
    "pushed form encoded",
    "answer encoded",
)


def test_the_steps_and_the_rest_are_the_whole(own_bench: Bench) -> None:
    values = values_of(run(own_bench))
    steps = sum(values[name] for name in ON_THE_LOOP)
    assert all(values[name] > 0 for name in ON_THE_LOOP)
    rest = values["sockets, sessions, head; steps not run alone: the rest"]
    assert steps + rest == pytest.approx(values["= a write on the event loop"])
    assert 0 < values["signer recovered *"] < values["root and signature verified"] * 1.5
    assert values["one commit for a lone write *"] > 0
    assert values["push: envelope put together"] > 0


def test_without_a_meter_there_is_no_whole(bench: Bench, target: Target) -> None:
    unmetered = Target(target.url, target.shop_id, target.clerks)
    values = values_of(run(Bench(bench.plan, bench.tell, unmetered)))
    assert not any(name.startswith("=") or "rest" in name for name in values)
    assert all(values[name] > 0 for name in ON_THE_LOOP)


def test_parts_are_indented_and_what_is_needed_is_marked() -> None:
    assert Step("a", 1).figure().name == "a"
    assert Step("a", 1, is_part=True, is_needed=True).figure().name == "  a *"
    assert len(new_keys(1)) == 1
