"""The report says on what it was made; the calibration times four kinds of work on a disk."""

import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

from minirelay.bench.machine import PACKAGES, calibrate, describe
from tests.bench.sections import values_of


def test_machine_and_versions(tmp_path: Path) -> None:
    facts = dict(describe(tmp_path))
    assert facts["sqlite"] == sqlite3.sqlite_version
    assert facts["python"].endswith(platform.python_version())
    assert f"aiohttp {version('aiohttp')}" in facts["packages"]
    assert all(f"{package} " in facts["packages"] for package in PACKAGES)
    assert str(tmp_path) in facts["disk"]
    assert "cores" in facts["machine"]
    assert "load" in facts["system"]
    assert not any("\n" in value for value in facts.values())


def test_calibration(tmp_path: Path) -> None:
    section = calibrate("before", 0.002, tmp_path)
    values = values_of(section)
    assert section.name == "calibration-before"
    assert len(values) == 4
    assert all(0 < value < 1_000_000 for value in values.values())
    assert {figure.unit for figure in section.figures} == {"µs"}
    assert list(tmp_path.iterdir()) == []
