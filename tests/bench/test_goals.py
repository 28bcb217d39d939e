"""The targets point in the right direction, and every one of them is told in a report."""

from pathlib import Path

import pytest

from minirelay.bench import goals, scenarios
from minirelay.bench.report import Goal

ALL = {name: value for name, value in vars(goals).items() if isinstance(value, Goal)}


@pytest.mark.parametrize("name", sorted(ALL))
def test_rates_are_to_be_high_and_costs_to_be_low(name: str) -> None:
    assert ALL[name].is_least is name.endswith("_PER_S")


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_target_stands_beside_a_figure(name: str) -> None:
    sources = Path(next(iter(scenarios.__path__))).glob("*.py")
    assert any(f"goals.{name}" in source.read_text() for source in sources)
