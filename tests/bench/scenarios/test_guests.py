"""A shop of many guests."""

from dataclasses import replace

import pytest

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.guests import run
from minirelay.bench.session import BenchError
from tests.bench.conftest import TINY
from tests.bench.sections import assert_all_positive, values_of


def test_figures() -> None:
    section = run(Bench(replace(TINY, guests=10_000), lambda _: None))
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


def test_a_running_relay_is_not_restarted(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        run(bench)
