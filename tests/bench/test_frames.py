"""WebSocket frames of the load generator, against aiohttp's reading of them and against hostile bytes."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.bench.frames import FrameReader, client_frame
from minirelay.bench.session import LoadSession
from minirelay.errors import MalformedInput
from minirelay.protocol.paths import SESSIONS_PATH

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70_000]


def server_frame(payload: bytes, kind: int = 0x82) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((kind, size)) + payload
    if size < 1 << 16:
        return bytes((kind, 126)) + size.to_bytes(2) + payload
    return bytes((kind, 127)) + size.to_bytes(8) + payload


@pytest.mark.parametrize("size", SIZES)
async def test_a_server_reads_what_a_client_sends(size: int) -> None:
    """aiohttp sends everything back."""
    payload = bytes(number % 251 for number in range(size))

    async def echo(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for message in websocket:
            await websocket.send_bytes(message.data)
        return websocket

    def talk(url: str) -> bytes:
        with LoadSession.connect(url) as session:
            session.send(client_frame(payload))
            reader = FrameReader()
            while True:
                for received in reader.feed(session.socket.recv(1 << 16)):
                    return received

    app = web.Application()
    app.router.add_get(SESSIONS_PATH, echo)
    async with TestServer(app) as server:
        assert await asyncio.to_thread(talk, str(server.make_url("/"))) == payload


def test_client_frames_are_masked() -> None:
    assert client_frame(b"\x01")[1] & 0x80


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SIZES), max_size=6), st.integers(1, 5000))
def test_frames_come_out_however_the_bytes_are_cut(sizes: list[int], step: int) -> None:
    payloads = [bytes((number,)) * size for number, size in enumerate(sizes)]
    stream = b"".join(map(server_frame, payloads))
    reader = FrameReader()
    found: list[bytes] = []
    for start in range(0, len(stream), step):
        found += reader.feed(stream[start : start + step])
    assert found == payloads


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_frame_cut_anywhere_in_its_head(cut: int) -> None:
    stream = server_frame(bytes(70_000))
    reader = FrameReader()
    assert list(reader.feed(stream[:cut])) == []
    assert list(reader.feed(stream[cut:])) == [bytes(70_000)]


@pytest.mark.parametrize("kind", [0x89, 0x8A])
def test_pings_and_pongs_are_passed_over(kind: int) -> None:
    stream = server_frame(b"before") + server_frame(b"ping", kind) + server_frame(b"after")
    assert list(FrameReader().feed(stream)) == [b"before", b"after"]


def test_a_close_is_told_with_its_reason() -> None:
    stream = server_frame(b"\x03\xf0" + "zu groß".encode(), 0x88)
    with pytest.raises(MalformedInput, match="closed the session: 1008 zu groß"):
        list(FrameReader().feed(stream))


@pytest.mark.parametrize("kind", [0x00, 0x02, 0x81, 0x80, 0x83, 0xC2])
def test_frames_that_no_relay_sends(kind: int) -> None:
    with pytest.raises(MalformedInput, match="a WebSocket frame that begins with"):
        list(FrameReader().feed(server_frame(b"x", kind)))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_frames_or_malformed(stream: bytes) -> None:
    try:
        found = list(FrameReader().feed(stream))
    except MalformedInput:
        return
    assert sum(map(len, found)) < max(1, len(stream))
