"""The figures of a large shop."""

import pytest

from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.large_shop import run
from minirelay.bench.session import BenchError
from tests.bench.sections import assert_all_positive, values_of


def test_figures(own_bench: Bench) -> None:
    section = run(own_bench)
    values = values_of(section)
    assert "120" in section.title
    assert_all_positive(values, "filling", "memory after filling it", "memory after reopening it", "database")
    whole = values["restart to the answer to a write"]
    start, reopening = (
        values["of that, until the relay serves"],
        values["of that, signing in, reopening the shop, writing"],
    )
    assert start > 0
    assert reopening > 0
    assert whole == pytest.approx(start + reopening)


def test_a_running_relay_is_not_restarted(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        run(bench)
