"""Writes beside uploads."""

import pytest

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.uploads import ask_url, form_of, run, upload
from minirelay.bench.session import BenchError
from minirelay.bench.target import Target
from tests.bench.sections import assert_all_positive, values_of


def test_writes_go_on_beside_an_upload_which_takes_little_memory(own_bench: Bench) -> None:
    section = run(own_bench)
    values = values_of(section)
    # Ten times what is allowed: the machine does other things meanwhile.
    assert 0 < values["the longest"] <= 10 * goals.MAX_BESIDE_UPLOADS_MS.bound
    assert 0 < values["the longest, while 16 upload at once"] <= 10 * goals.MAX_BESIDE_UPLOADS_MS.bound
    assert values["memory that it takes more meanwhile"] <= goals.UPLOAD_MIB.bound
    assert_all_positive(values, "an upload", "while one uploads, p50")
    assert [one.name.strip() for one in section.figures if one.goal and one.goal.is_must] == [
        "the longest",
        "memory that it takes more meanwhile",
    ]


def test_an_upload_that_is_refused_ends_the_run(target: Target) -> None:
    with (
        target.session(target.writer) as session,
        pytest.raises(BenchError, match=r"refused: .*part named file"),
    ):
        upload(target, ask_url(session), form_of(10, 1).replace(b'name="file"', b'name="life"'))


def test_a_running_relay_is_not_measured(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        run(bench)
