"""The figures of large shops."""

from dataclasses import replace

import pytest

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.large_shops import run_guests, run_large_shop
from minirelay.bench.session import BenchError
from tests.bench.conftest import TINY
from tests.bench.sections import assert_all_positive, values_of


def test_figures_of_large_shop(own_bench: Bench) -> None:
    section = run_large_shop(own_bench)
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


def test_a_running_relay_is_not_restarted_for_large_shop(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        run_large_shop(bench)


def test_figures_of_guests() -> None:
    section = run_guests(Bench(replace(TINY, guests=10_000), lambda _: None))
    values = values_of(section)
    assert "10,000" in section.title
    assert_all_positive(
        values, "a lone enrolment", "64 enrolments at a time, each", "write-ahead log of a lone enrolment"
    )
    assert goals.ENROLMENT_BYTES.is_met(values["rows of one enrolment, at most"])
    # A tenth of the guests, ten times what is allowed: the machine does other things meanwhile.
    assert 0 < values["restart to the answer to a write"] <= 10 * goals.REOPENING_GUESTS_S.bound
    assert values["longest turn of the event loop"] <= 10 * goals.ENROLMENT_TURN_MS.bound
    # Whole pages, and nothing of the 350,000 bytes of the account but what changed.
    assert values["write-ahead log of a lone enrolment"] <= 16 * 4200


def test_a_running_relay_is_not_restarted_for_guests(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        run_guests(bench)
