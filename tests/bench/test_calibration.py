"""The calibration times four kinds of work on the disk that was named."""

from pathlib import Path

from minirelay.bench.calibration import calibrate
from tests.bench.sections import values_of


def test_calibration(tmp_path: Path) -> None:
    section = calibrate("before", 0.002, tmp_path)
    values = values_of(section)
    assert section.name == "calibration-before"
    assert len(values) == 4
    assert all(0 < value < 1_000_000 for value in values.values())
    assert {figure.unit for figure in section.figures} == {"µs"}
    assert list(tmp_path.iterdir()) == []
