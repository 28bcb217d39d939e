"""The report says on what it was made."""

import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

from minirelay.bench.machine import PACKAGES, describe


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
