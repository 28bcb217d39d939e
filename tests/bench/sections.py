"""What holds for every section of a report."""

import math

from minirelay.bench.report import Section
from minirelay.bench.run import SCENARIOS


def values_of(section: Section) -> dict[str, float]:
    """Return the figures by name, after checking that each is there once and is a number."""
    assert section.name in SCENARIOS or section.name.startswith("calibration-")
    values = {figure.name.strip(): figure.value for figure in section.figures}
    assert len(values) == len(section.figures)
    assert all(math.isfinite(value) for value in values.values())
    assert section.title
    return values


def assert_all_positive(values: dict[str, float], *names: str) -> None:
    """Check that these figures are there, and above 0."""
    assert [name for name in names if not values.get(name, 0) > 0] == []
