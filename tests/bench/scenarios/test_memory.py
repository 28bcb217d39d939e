"""The figures of memory."""

import pytest

from minirelay.bench.bench import Bench
from minirelay.bench.scenarios import memory
from minirelay.bench.session import BenchError
from tests.bench.sections import values_of


def test_figures(own_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SETTLING_S", 0.0)
    values = values_of(memory.run(own_bench))
    assert 10 < values["at rest, with one chain watched"] < 500
    assert 10 < values["at rest, freshly started"] < 500
    assert values["at rest, freshly started"] <= values["with 3 subscribed sessions"] < 500
    assert 0 < values["a write until all of them have it"] < 60_000


def test_a_running_relay_has_other_sessions(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        memory.run(bench)
