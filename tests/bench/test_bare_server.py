"""The server that the relay is held against does what it says: no more, and no less."""

import sqlite3
from pathlib import Path

import pytest

from minirelay.bench.bare_server import bare_server
from minirelay.bench.session import BenchError, LoadSession
from minirelay.bench.workload import Author, frames_of
from minirelay.protocol.envelope import SubscriptionRequest
from minirelay.protocol.signing import PrivateKey

KEY = PrivateKey.from_bytes(b"\x11" * 32)


def test_what_it_acknowledges_is_on_disk(tmp_path: Path) -> None:
    sets = Author(KEY, 1).price_changes(10, 100)
    with bare_server(tmp_path) as url:
        with LoadSession.connect(url) as session:
            assert session.write_all(frames_of(session, sets), in_flight=16) > 0
        (path,) = tmp_path.glob("*/bare.sqlite")
        database = sqlite3.connect(path)
        assert [wire for (wire,) in database.execute("SELECT wire FROM log ORDER BY seq")] == sets
        database.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["signature", "no write"])
def test_what_is_no_signed_write_is_not_acknowledged(tmp_path: Path, wrong: str) -> None:
    (sealed,) = Author(KEY, 1).price_changes(10, 1)
    with bare_server(tmp_path) as url, LoadSession.connect(url) as session:
        if wrong == "signature":
            frame = session.frame_of_write(
                sealed.replace(b"Signature\x58\x41", b"Signature\x58\x41" + b"\xff" * 32, 1)[: len(sealed)]
            )
        else:
            frame = session.frame_of(SubscriptionRequest(b"\1"))
        with pytest.raises(BenchError):
            session.write_all([frame], in_flight=1)


def test_a_server_that_does_not_start_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minirelay.bench.bare_server.__name__", "minirelay.no_such_module")
    with pytest.raises(BenchError, match="did not start"), bare_server(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
