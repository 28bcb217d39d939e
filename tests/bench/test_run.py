"""A whole run: which scenarios, in which order, between two calibrations."""

import pytest

from minirelay.bench.bench import Bench
from minirelay.bench.run import SCENARIOS, run
from minirelay.bench.session import BenchError


def test_named_scenarios_run_in_their_own_order(bench: Bench, told: list[str]) -> None:
    report = run(bench, ["latency", "writes"])
    names = [section.name for section in report.sections]
    assert names == ["calibration-before", "writes", "latency", "calibration-after"]
    assert dict(report.machine)["sqlite"]
    assert any(line.startswith("latency: ") for line in told)


def test_a_running_relay_is_spared_what_needs_one_of_our_own(bench: Bench) -> None:
    names = [section.name for section in run(bench).sections]
    possible = ["writes", "latency", "backlog", "steps", "checkout", "poller"]
    assert names == ["calibration-before", *possible, "calibration-after"]


@pytest.mark.parametrize("name", [name for name, one in SCENARIOS.items() if one.needs_own_relay])
def test_what_needs_a_relay_of_our_own_is_refused_on_a_running_one(bench: Bench, name: str) -> None:
    with pytest.raises(BenchError, match=f"{name} needs a relay that the benchmark starts itself"):
        run(bench, [name])
