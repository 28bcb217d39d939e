"""WebSocket frames, against aiohttp's reading and hostile bytes; a peek sees what decoding sees."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.bench.frames import (
    PING,
    PUSH,
    RESPONSE,
    SYNC_STATUS,
    FrameReader,
    agree,
    client_frame,
    is_refusal,
    kind_of,
    patches_in,
    why_refused,
)
from minirelay.bench.session import LoadSession
from minirelay.errors import MalformedInput, not_found
from minirelay.protocol import envelope as wire
from minirelay.protocol.paths import SESSIONS_PATH
from minirelay.protocol.push import SequencedPartialPatchSet

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


IDS = [1, 63, 64, 2**31, 2**62, -1, -64, -65, -(2**62)]


def one_set(seq: int, patches: int) -> SequencedPartialPatchSet:
    return SequencedPartialPatchSet(
        seq, 0, b"header", b"s" * 65, (b"patch",) * patches, (b"proof",) * patches
    )


@pytest.mark.parametrize("request_id", IDS)
@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (wire.Success(), RESPONSE),
        (wire.Success(b"payload"), RESPONSE),
        (wire.Failure(2, "no"), RESPONSE),
        (wire.PingRequest(), PING),
        (wire.SyncStatusRequest(1, 5), SYNC_STATUS),
        (wire.SubscriptionPushRequest(b"\0\1", (one_set(3, 1),)), PUSH),
    ],
)
def test_kinds(request_id: int, message: wire.Message, kind: int) -> None:
    assert kind_of(wire.encode_envelope(request_id, message)) == kind


def test_the_relays_own_encoding_of_answers() -> None:
    for answer in (wire.encode_response_ok(5), wire.encode_response_payload(5, bytes(32))):
        assert kind_of(answer) == RESPONSE
        assert not is_refusal(answer)
    refusal = wire.encode_response_error(5, not_found("there is none", 7))
    assert is_refusal(refusal)
    assert why_refused(refusal) == "1 there is none"


@pytest.mark.parametrize("size", [1, 100, 127, 128, 300, 20_000])
def test_refusals_of_any_length(size: int) -> None:
    assert is_refusal(wire.encode_envelope(1, wire.Failure(2, "x" * size)))
    assert not is_refusal(wire.encode_envelope(1, wire.Success(b"\x0a" * size)))


@pytest.mark.parametrize("request_id", IDS)
def test_agreeing_answers_with_the_same_id(request_id: int) -> None:
    request = wire.encode_envelope(request_id, wire.PingRequest())
    assert wire.decode_envelope(agree(request)) == wire.Envelope(request_id, wire.Success())


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=70), st.sampled_from(IDS))
def test_patches_of_a_push(counts: list[int], request_id: int) -> None:
    sets = tuple(one_set(seq, count) for seq, count in enumerate(counts, start=1))
    push = wire.encode_envelope(request_id, wire.SubscriptionPushRequest(b"\0\1", sets))
    assert patches_in(push) == (sum(counts), len(counts))


@pytest.mark.parametrize(
    "envelope", [b"", b"\x0a", b"\x0a\x02\x08", b"\x0a\x02\x08\x02", b"\x12\x00\x00\x00"]
)
def test_what_does_not_begin_with_a_request_id(envelope: bytes) -> None:
    with pytest.raises(MalformedInput):
        kind_of(envelope)
