"""What a write costs the disk, a real one: beside the files of all other tests (tests/check.py)."""

from dataclasses import replace

import pytest

from minirelay.bench.bench import Bench
from minirelay.bench.scenarios import disk
from minirelay.bench.session import BenchError
from tests.bench.sections import values_of


def test_figures(own_bench: Bench, pytestconfig: pytest.Config) -> None:
    on_disk = replace(own_bench, directory=pytestconfig.cache.mkdir("on-disk"))
    values = values_of(disk.run(on_disk))
    assert 0 < values["ready after the start"] < 20
    # A page or more for a write, but never a copy of the shop, which has some hundred KiB.
    for rate in disk.RATES:
        assert 4 <= values[f"at {rate} writes/s"] < 250


def test_a_running_relay_writes_for_others_too(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        disk.run(bench)
