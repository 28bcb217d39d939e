"""Relays to measure: who writes and who reads; one of our own starts, stops, and leaves nothing behind."""

import os
from pathlib import Path

import pytest

from minirelay.bench.fixtures import new_keys
from minirelay.bench.session import BenchError
from minirelay.bench.target import Target, own_relay
from minirelay.bench.workload import Author, fill, frames_of


def test_with_two_cards_one_reads_meanwhile() -> None:
    first, second = new_keys(2)
    both = Target("http://127.0.0.1:1", 1, [first, second])
    assert (both.writer, both.reader) == (first, second)


def test_with_one_card_a_visitor_reads() -> None:
    (only,) = new_keys(1)
    assert Target("http://127.0.0.1:1", 1, [only]).reader is None


def test_sessions_of_cards_and_of_visitors(target: Target) -> None:
    with target.session(target.guests[0]) as guest, target.session() as visitor:
        for session in (guest, visitor):
            session.subscribe(target.shop_id)
            assert session.unpushed() > 0


def test_a_card_is_free_after_its_session(target: Target) -> None:
    for _ in range(3):
        with target.session(target.reader):
            pass


def test_keys_differ() -> None:
    assert len({key.public_key for key in new_keys(10)}) == 10


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
