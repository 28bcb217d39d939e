"""A relay is started, stopped, started again, and leaves nothing behind."""

import os
from pathlib import Path

import pytest

from minirelay.bench.errors import BenchError
from minirelay.bench.own_relay import own_relay
from minirelay.bench.workload import Author, fill, frames_of


def test_what_was_written_is_there_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Settings of whoever runs the benchmark are none of its relay's.
    monkeypatch.setenv("MINIRELAY_LISTEN_PORT", "not a port")
    with own_relay(tmp_path, clerks=1) as relay:
        target = relay.start()
        assert target.meter is not None
        assert target.meter.resident_bytes() > 2**20
        author = Author(target.writer, target.shop_id)
        with target.session(target.writer) as session:
            fill(session, author, range(10))
        relay.stop()
        relay.stop()
        with pytest.raises(FileNotFoundError):
            target.meter.usage()
        target = relay.start()
        with target.session(target.writer) as session:
            session.write_all(frames_of(session, author.price_changes(10, 10)), in_flight=3)
        directory = relay.data_dir
        assert directory.is_relative_to(tmp_path)
    assert not directory.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_relay_that_does_not_start_says_why(tmp_path: Path) -> None:
    with own_relay(tmp_path) as relay:
        (relay.data_dir / "minirelay.sqlite").write_bytes(os.urandom(8192))
        with pytest.raises(BenchError, match=r"did not start: .*minirelay.sqlite"):
            relay.start()
