"""The load generator's session: against a real relay, and against servers that misbehave."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from minirelay.bench import session as session_module
from minirelay.bench.fixtures import new_keys
from minirelay.bench.frames import client_frame
from minirelay.bench.session import BenchError, LoadSession
from minirelay.bench.target import Target
from minirelay.bench.workload import Author, fill, frames_of
from minirelay.protocol import envelope as wire
from minirelay.protocol.objects import ObjectType
from tests.bench.test_frames import server_frame
from tests.cli.commands import assert_one_line, minirelay


@contextmanager
def scripted(sends: bytes) -> Iterator[tuple[LoadSession, socket.socket]]:
    """Yield a session with a relay that has sent these bytes, and the relay's end."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(sends)
        yield LoadSession(ours), theirs


@contextmanager
def server_that_says(answer: bytes) -> Iterator[str]:
    """Yield the URL of something that answers every connection with these bytes and closes."""

    def serve() -> None:
        with suppressed_end(listener) as connected:
            connected.recv(4096)
            connected.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@contextmanager
def suppressed_end(listener: socket.socket) -> Iterator[socket.socket]:
    connected, _ = listener.accept()
    with connected:
        yield connected


def test_writes_are_acknowledged_and_pushed(target: Target) -> None:
    author = Author(target.writer, target.shop_id)
    with target.session(target.writer) as writer, target.session(target.reader) as reader:
        fill(writer, author, range(3))
        listing = wire.Filter(ObjectType.LISTING, author.listing_id(1).to_bytes(8))
        reader.subscribe(target.shop_id, 0, [listing])
        assert reader.unpushed() == 1
        assert reader.acknowledge(reader.receive())[0] == 1
        frames = frames_of(writer, [author.seal(author.change_price(1, price)) for price in range(20)])
        assert writer.write_all(frames, in_flight=7) > 0
        pushed = 0
        while pushed < 20:
            pushed += reader.acknowledge(reader.receive())[0]
        assert pushed == 20


def test_a_refused_write_ends_the_measurement(target: Target) -> None:
    author = Author(target.writer, target.shop_id)
    with target.session(target.writer) as writer:
        frame = writer.frame_of_write(author.seal(author.change_price(999, 1)))
        with pytest.raises(BenchError, match="refused a write: 1 "):
            writer.write_all([frame], in_flight=1)


def test_a_card_that_nobody_knows(target: Target) -> None:
    (stranger,) = new_keys(1)
    with target.session() as visitor, pytest.raises(BenchError, match="Item not found"):
        visitor.authenticate(stranger)


def test_what_the_relay_closes(target: Target) -> None:
    with target.session() as visitor:
        visitor.send(client_frame(b"no envelope"))
        with pytest.raises(BenchError, match="closed the session: 1002"):
            visitor.receive()


def test_pings_are_answered_and_left_out() -> None:
    ping = wire.encode_envelope(-3, wire.PingRequest())
    answer = wire.encode_response_ok(1)
    with scripted(server_frame(ping) + server_frame(answer)) as (session, relay):
        assert session.receive() == [answer]
        assert relay.recv(100) == client_frame(wire.encode_envelope(-3, wire.Success()))


def test_what_arrives_beside_an_answer_is_kept() -> None:
    push = wire.encode_envelope(-4, wire.SubscriptionPushRequest(b"\0\1", ()))
    status = wire.encode_envelope(-5, wire.SyncStatusRequest(1, 12))
    answer = wire.encode_response_payload(1, b"\0\1")
    stream = b"".join(map(server_frame, (push, answer, status, push)))
    with scripted(stream) as (session, _):
        session.subscribe(1)
        assert session.receive() == [push, push]
        assert session.unpushed() == 12


def test_nothing_but_pings_is_as_good_as_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "TIMEOUT_S", -1.0)
    ping = server_frame(wire.encode_envelope(-3, wire.PingRequest()))
    with scripted(ping) as (session, _), pytest.raises(BenchError, match="nothing but pings"):
        session.receive()


def test_a_relay_that_is_gone() -> None:
    with scripted(b"") as (session, relay):
        relay.close()
        with pytest.raises(BenchError, match="dropped the connection"):
            session.receive()
        with pytest.raises(BenchError, match="the relay is gone"):
            session.send(b"x")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "no WebSocket there: HTTP/1.1 404"),
        (
            b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
            "no WebSocket there: HTTP/1.1 101",
        ),
        (b"SSH-2.0\r\n", "it sends no HTTP head"),
        (b"x" * 20_000, "it sends no HTTP head"),
        (b"", "it sends no HTTP head"),
    ],
)
def test_servers_that_are_no_relay(answer: bytes, reason: str) -> None:
    with server_that_says(answer) as url, pytest.raises(BenchError, match=reason):
        LoadSession.connect(url)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(BenchError, match=rf"http://127.0.0.1:{port}: "):
        LoadSession.connect(f"http://127.0.0.1:{port}")


def test_a_relay_that_is_not_there(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.write_text("11" * 32)
    outcome = minirelay(
        "bench", "--only", "latency", "--url", "http://127.0.0.1:1", "--shop", "1", "--key-card", str(card)
    )
    assert_one_line(outcome, 1, "http://127.0.0.1:1: ")
