"""The WebSocket edge: frames of every kind and size, ends of every kind, and clients who don't read."""

import asyncio
import itertools
import struct
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop
from aiohttp import ClientError, ClientSession, WSMessage, WSMsgType, web
from aiohttp.web_protocol import RequestHandler

from minirelay.protocol import envelope as wire
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.relay.connection import Connection
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.relay.messages import Send
from minirelay.relay.outbox import FRAME_BYTES
from minirelay.web import sessions as module
from minirelay.web.read_throttle import ReadLimits
from minirelay.web.sessions import WRITE_BUFFER_BYTES, serve_session
from tests.limits import OUTBOX, reading
from tests.raw_client import Talker, all_leaves, payload
from tests.relay.house import (
    SHOP,
    TIMEOUT_S,
    House,
    images,
    listing,
    relay_limits,
    running_relay,
    until,
)
from tests.web.edge import Lobby, listening

MAX_FRAME_BYTES = reading().max_frame_bytes


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_relay(tmp_path) as house:
        yield house


@asynccontextmanager
async def raw_session(house: House) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a WebSocket by hand; nothing is done for the test but closing the socket."""
    port = int(house.url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /v4/sessions HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)
    assert head.startswith(b"HTTP/1.1 101 ")
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def frame(opcode: int, data: bytes, *, is_last: bool = True) -> bytes:
    """Make a client's frame, masked with zeros. Sizes below 2^16."""
    head = bytes([opcode | (0x80 if is_last else 0)])
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
    return head + size + bytes(4) + data


async def closing(reader: asyncio.StreamReader) -> int:
    """Read what comes until a close frame; give its code."""
    return (await closing_words(reader))[0]


async def closing_words(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Read what comes until a close frame; give its code and reason."""
    while True:
        opcode, size = await asyncio.wait_for(reader.readexactly(2), TIMEOUT_S)
        if size == 126:
            (size,) = struct.unpack(">H", await reader.readexactly(2))
        data = await asyncio.wait_for(reader.readexactly(size), TIMEOUT_S)
        if opcode == 0x88:
            (code,) = struct.unpack(">H", data[:2])
            return int(code), data[2:].decode()


def padded(size: int) -> bytes:
    """Make a request of that many bytes, which is INVALID."""
    request = wire.encode_envelope(1, wire.PatchSetWriteRequest(bytes(size - 40)))
    missing = size - len(request)
    padded = wire.encode_envelope(1, wire.PatchSetWriteRequest(bytes(size - 40 + missing)))
    assert len(padded) == size
    return padded


# -- frames


@pytest.mark.parametrize("size", [MAX_FRAME_BYTES - 1, MAX_FRAME_BYTES])
async def test_a_frame_may_have_two_mebibytes(house: House, size: int) -> None:
    clerk = await house.clerk()
    answer = asyncio.get_running_loop().create_future()
    clerk.answers[1] = answer
    await clerk.send(padded(size))
    envelope = await asyncio.wait_for(answer, TIMEOUT_S)
    assert isinstance(envelope.message, wire.Failure)
    await clerk.write(listing(1))


async def test_a_larger_frame_closes_the_connection(house: House) -> None:
    clerk, other = await house.clerk(), await house.clerk()
    await clerk.send(padded(MAX_FRAME_BYTES + 1))
    assert await clerk.end() == 1009
    await until(lambda: len(house.relay.live_cards) == 1)
    await other.write(listing(1))


async def test_the_size_of_frames_is_a_setting() -> None:
    async with single_session(replace(reading(), max_frame_bytes=1000)) as (http, url, _):
        socket = await http.ws_connect(url)
        await socket.send_bytes(padded(1000))
        assert (await asyncio.wait_for(socket.receive(), TIMEOUT_S)).type is WSMsgType.BINARY
        await socket.send_bytes(padded(1001))
        assert (await asyncio.wait_for(socket.receive(), TIMEOUT_S)).data == 1009


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x00",
        b"\xff" * 100,
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x0a\x00\x42\x00",
        b"\x0a\x02\x08\x02",
        b"\x42\x00",
    ],
)
async def test_what_is_no_envelope_closes_the_connection(house: House, garbage: bytes) -> None:
    other, visitor = await house.visitor(), await house.visitor()
    await visitor.send(garbage)
    assert await visitor.end() in (1002, 1008)
    await other.quiet()


@pytest.mark.parametrize("request_id", [1, -1, -(2**63)])
async def test_a_response_to_no_request_closes_the_connection(house: House, request_id: int) -> None:
    visitor = await house.visitor()
    await visitor.send(wire.encode_envelope(request_id, wire.Success()))
    assert await visitor.end() in (1002, 1008)


async def test_a_request_id_that_is_being_answered_closes_the_connection(house: House) -> None:
    clerk = await house.clerk()
    async with house.disk_held():
        await clerk.start(wire.PatchSetWriteRequest(clerk.seal(listing(1))), 9)
        await clerk.start(wire.PatchSetWriteRequest(clerk.seal(listing(2))), 9)
        assert await clerk.end() in (1002, 1008)


@pytest.mark.parametrize(
    "violation",
    [
        frame(1, b"text"),
        frame(2, b"garbage"),
        frame(2, b""),
        frame(2, wire.encode_envelope(-5, wire.Success())),
        frame(2, b"\x0a\x00\x42\x00"),
        frame(2, b"\x0a\x02\x08\x02"),
    ],
)
async def test_a_violation_is_answered_with_a_reason(house: House, violation: bytes) -> None:
    async with raw_session(house) as (reader, writer):
        writer.write(violation)
        code, reason = await closing_words(reader)
        assert code in (1002, 1008)
        assert reason


async def test_a_text_frame_closes_the_connection(house: House) -> None:
    visitor = await house.visitor()
    await visitor.socket.send_str('{"hello": 1}')
    assert await visitor.end() in (1002, 1008)


async def test_fragments_make_one_frame(house: House) -> None:
    async with raw_session(house) as (reader, writer):
        request = wire.encode_envelope(1, wire.SubscriptionCancelRequest(b""))
        writer.write(frame(2, request[:3], is_last=False) + frame(9, b"between") + frame(0, request[3:]))
        opcode, size = await asyncio.wait_for(reader.readexactly(2), TIMEOUT_S)
        assert (opcode, await reader.readexactly(size)) == (0x8A, b"between")
        opcode, size = await asyncio.wait_for(reader.readexactly(2), TIMEOUT_S)
        answer = wire.decode_envelope(await reader.readexactly(size))
        assert (opcode, answer.request_id) == (0x82, 1)
        writer.write(frame(8, struct.pack(">H", 1000)))
        assert await closing(reader) == 1000


@pytest.mark.parametrize(
    "broken",
    [
        frame(3, b"what"),
        frame(2, b"\x00")[:1] + b"\x01\x00",
        frame(0, b"a continuation of nothing"),
        b"\xf2" + frame(2, b"")[1:],
        b"\x82\xff" + b"\xff" * 8 + bytes(4),
    ],
)
async def test_broken_frames_close_the_connection_and_no_other(house: House, broken: bytes) -> None:
    other = await house.visitor()
    async with raw_session(house) as (reader, writer):
        writer.write(broken)
        assert await closing(reader) in (1002, 1009)
        await other.quiet()
        await until(lambda: house.relay.session_count == 1)


async def test_a_flood_of_frames_leaves_the_others_their_turns(house: House) -> None:
    other = await house.visitor()
    async with raw_session(house) as (_, writer):
        turns: list[int] = []
        received = 0
        receive = Connection.receive

        def counted(connection: Connection, data: bytes) -> None:
            nonlocal received
            received += 1
            receive(connection, data)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Connection, "receive", counted)
            request = wire.encode_envelope(1, wire.SubscriptionCancelRequest(b""))
            writer.write(frame(2, request) * 1000)
            while not turns or turns[-1] < 1000:
                turns.append(received)
                await asyncio.sleep(0)
        in_one_turn = max(after - before for before, after in itertools.pairwise(turns))
        assert in_one_turn <= reading().frames_per_turn
        await other.quiet()


# -- a session's share, on every event loop and through aiohttp's own reader

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CLOSE = frame(8, struct.pack(">H", 1000))
FRAMES_PER_TURN = 8


def share() -> ReadLimits:
    return replace(reading(), frames_per_turn=FRAMES_PER_TURN, bytes_per_turn=4096, frames_per_s=1000)


@dataclass
class RawSocket:
    """A client by hand of a relay that has nothing; pieces are what its aiohttp gets."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connection: Connection
    pieces: list[bytes]
    memory: MemoryBudget

    async def pong_or_close(self) -> tuple[int, bytes]:
        """Wait for a small frame; give its first byte and its payload."""
        first, size = await asyncio.wait_for(self.reader.readexactly(2), TIMEOUT_S)
        return first, await self.reader.readexactly(size)


@asynccontextmanager
async def raw_socket(first: bytes = b"", limits: ReadLimits | None = None) -> AsyncIterator[RawSocket]:
    """Connect, with some frames in the same packet as the handshake."""
    pieces: list[bytes] = []
    take = RequestHandler.data_received

    def noted(handler: RequestHandler, data: bytes) -> None:
        pieces.append(data)
        take(handler, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RequestHandler, "data_received", noted)
        async with single_session(limits or share()) as (_, url, lobby):
            address = urlsplit(url)
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(HANDSHAKE + first)
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)
            await until(lambda: bool(lobby.connections))
            del pieces[0]
            try:
                yield RawSocket(reader, writer, lobby.connections[0], pieces, lobby.memory)
            finally:
                writer.transport.abort()


def on(loop_factory: Callable[[], asyncio.AbstractEventLoop], test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(test)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_empty_fragments_are_read_in_shares_also_those_that_come_with_the_handshake(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    begin, fragment, end = frame(2, b"", is_last=False), frame(0, b"", is_last=False), frame(0, b"")

    async def check() -> None:
        async with raw_socket(begin + fragment * 500) as client:
            client.writer.write(fragment * 600 + end + CLOSE)
            assert (await client.pong_or_close())[0] == 0x88
            # What it meant is known when all of it was read: an empty message is no envelope.
            assert client.connection.hang_up is not None
            assert client.connection.hang_up.code in (1002, 1008)
            assert sum(map(len, client.pieces)) >= len(begin + fragment * 1100)
            most = FRAMES_PER_TURN * len(fragment) + 2  # of the closing
            assert max(map(len, client.pieces)) <= most

    on(loop_factory, check())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_pings_that_come_together_are_answered_together_and_the_last_one_always(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def check() -> None:
        async with raw_socket() as client:
            client.writer.write(b"".join(frame(9, f"{number}".encode()) for number in range(800)))
            pongs: list[tuple[int, bytes]] = []
            while not pongs or pongs[-1] != (0x8A, b"799"):
                pongs.append(await client.pong_or_close())
            assert 800 // FRAMES_PER_TURN <= len(pongs) < 800
            client.writer.write(CLOSE)
            assert (await client.pong_or_close())[0] == 0x88

    on(loop_factory, check())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_message_that_never_ends_counts_with_all_its_bytes(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    size = 1_000_000

    async def check() -> None:
        async with raw_socket(limits=reading()) as client:
            account = client.connection.account
            client.writer.write(b"\x82\xff" + size.to_bytes(8) + bytes(4) + bytes(size - 1))
            await until(lambda: account.size_bytes >= size - 1)
            assert account.size_bytes < size * 1.1
            client.writer.write(b"\0")
            await until(lambda: account.size_bytes < 1000)

    on(loop_factory, check())


async def test_the_head_of_the_request_counts_as_long_as_the_session_lives() -> None:
    header = b"X: " + b"a" * 1000 + b"\r\n"
    async with single_session() as (_, url, lobby):
        address = urlsplit(url)
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(HANDSHAKE[:-2] + header * 10 + b"\r\n")
        await until(lambda: bool(lobby.connections))
        account = lobby.connections[0].account
        await until(
            lambda: 5 * len(header) * 10 < account.size_bytes < 6 * (len(HANDSHAKE) + len(header) * 10) + 8000
        )
        writer.close()
        await until(lambda: account.size_bytes == 0)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_nothing_is_kept_of_a_message_that_was_taken_nor_of_a_frame_that_was_sent(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    size = 1_000_000
    request = wire.encode_envelope(1, wire.SubscriptionCancelRequest(bytes(size)))

    async def check() -> None:
        async with raw_socket(limits=reading()) as client:
            outbox = client.connection.outbox
            tracemalloc.start()
            client.writer.write(b"\x82\xff" + len(request).to_bytes(8) + bytes(4) + request)
            # Its answer.
            assert (await client.reader.readexactly(1)) == b"\x82"
            await client.reader.readexactly((await client.reader.readexactly(1))[0])
            del client.pieces[:]
            assert tracemalloc.get_traced_memory()[0] < size / 2
            outbox.put(Send(bytes(size)))
            await client.reader.readexactly(10 + size)
            await until(lambda: not outbox.size_bytes)
            assert tracemalloc.get_traced_memory()[0] < size / 2

    try:
        on(loop_factory, check())
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_what_the_transport_has_not_sent_counts_and_is_little(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    answer = bytes(20_000)

    async def check() -> None:
        async with raw_socket() as client:
            outbox, account = client.connection.outbox, client.connection.account
            while outbox.size_bytes < 10 * len(answer):
                outbox.put(Send(answer))
                await asyncio.sleep(0)
            # One frame is on its way and counts twice, the others wait.
            waiting = len(outbox.frames)
            frames = (waiting + 2) * len(answer) + (waiting + 1) * FRAME_BYTES
            assert frames <= account.size_bytes <= frames + 2 * WRITE_BUFFER_BYTES

    on(loop_factory, check())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_who_is_closed_for_memory_hears_of_it_if_there_is_time(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.05)

    async def check() -> None:
        async with raw_socket(limits=reading()) as client:
            client.writer.write(frame(2, bytes(60_000))[:-1])
            account = client.connection.account
            await until(lambda: account.size_bytes > 50_000)
            account.close()
            first, payload = await client.pong_or_close()
            assert (first, struct.unpack(">H", payload[:2])) == (0x88, (1013,))
            await until(lambda: account.size_bytes == 0)

    on(loop_factory, check())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_who_is_torn_down_for_memory_holds_nothing_a_moment_later(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def check() -> None:
        async with raw_socket(limits=reading()) as client:
            client.writer.write(frame(2, bytes(60_000))[:-1])
            account = client.connection.account
            await until(lambda: account.size_bytes > 50_000)
            other = client.memory.open(lambda _: None)
            other.hold(2**27)
            other.end()
            account.close()
            with suppress(ConnectionError):
                assert await asyncio.wait_for(client.reader.read(1), 1) == b""
            await until(lambda: account.size_bytes == 0)

    on(loop_factory, check())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_session_is_left_to_http_when_its_handshake_is_none(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def check() -> None:
        async with single_session() as (http, url, _):
            for _ in range(2):
                async with http.get(url) as response:
                    assert response.status == 400

    on(loop_factory, check())


# -- signs of life


@pytest.mark.parametrize("sign", ["ping", "pong", "frame"])
async def test_anything_from_the_client_counts_as_life(tmp_path: Path, sign: str) -> None:
    limits = relay_limits(ping_interval_s=0.2, kick_timeout_s=1.0)
    async with running_relay(tmp_path, limits) as house, raw_session(house) as (reader, writer):
        signs = {
            "ping": frame(9, b""),
            "pong": frame(10, b""),
            "frame": frame(2, wire.encode_envelope(1, wire.PingRequest())),
        }
        (connection,) = house.relay.connections
        born = connection.session.last_heard
        # Twice as long as silence may last.
        while connection.session.last_heard < born + 2.0:
            heard = connection.session.last_heard
            writer.write(signs[sign])
            await until(lambda heard=heard: connection.session.last_heard > heard)  # type: ignore[misc]
        assert connection.hang_up is None
        writer.write(frame(8, struct.pack(">H", 1000)))
        assert await closing(reader) == 1000


async def test_a_silent_client_is_closed(tmp_path: Path) -> None:
    limits = relay_limits(ping_interval_s=0.1, kick_timeout_s=0.3)
    async with running_relay(tmp_path, limits) as house, raw_session(house) as (reader, _):
        assert await closing(reader) == 1008
        await until(lambda: house.relay.session_count == 0)


# -- ends


async def test_a_client_that_closes_is_answered(house: House) -> None:
    async with raw_session(house) as (reader, writer):
        writer.write(frame(8, struct.pack(">H", 1001) + b"going away"))
        assert await closing(reader) == 1000
        await until(lambda: house.relay.session_count == 0)


@pytest.mark.parametrize("how", ["abort", "end of file"])
async def test_a_connection_that_breaks_frees_what_it_held(house: House, how: str) -> None:
    talker = await house.clerk()
    await talker.subscribe()
    await talker.quiet()
    if how == "abort":
        talker.abort()
    else:
        talker.transport.close()
    await until(lambda: house.relay.session_count == 0)
    assert not house.relay.live_cards


async def test_a_client_that_leaves_before_it_is_answered_was_never_there() -> None:
    left: list[web.StreamResponse] = []
    lobby = Lobby()

    async def leave(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        left.append(await serve_session(request, lobby.connect, reading()))
        return left[0]

    app = web.Application()
    app.router.add_get("/", leave)
    async with listening(app) as url, ClientSession(url) as client:
        with pytest.raises(ClientError):
            await client.ws_connect("/")
        await until(lambda: bool(left))
    assert not lobby.connections


async def test_a_client_that_neither_reads_nor_closes_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.05)
    clerk = await house.clerk()
    await clerk.write(*(listing(number) for number in range(1, 41)))
    for _ in range(8):
        await clerk.write(*images(1, 36, 50_000))
    async with raw_session(house) as (_, writer):
        (connection,) = house.relay.connections - set(house.relay.live_cards)
        # Its buffer and the kernel's are soon full, and stay so.
        request = wire.SubscriptionRequest(SHOP.to_bytes(2))
        writer.write(frame(2, wire.encode_envelope(1, request)))
        await until(lambda: connection.outbox.size_bytes > OUTBOX.push_bytes)
        connection.close(1001, "the relay stops")
        await until(lambda: house.relay.session_count == 1)


async def test_a_reader_who_stops_reading_costs_bounded_memory_and_loses_nothing(house: House) -> None:
    clerk = await house.clerk()
    await clerk.write(*(listing(number) for number in range(1, 41)))
    talker = await house.visitor()
    await talker.subscribe()
    await talker.sets_until(2)
    (connection,) = house.relay.connections - set(house.relay.live_cards)
    talker.transport.pause_reading()
    most = OUTBOX.push_bytes + 1024 * 1024
    for _ in range(10):
        await clerk.write(*images(1, 36, 50_000))
        assert connection.outbox.size_bytes <= most
    assert connection.outbox.size_bytes > 0
    talker.transport.resume_reading()
    sets: list[SequencedPartialPatchSet] = []
    while len(leaves := all_leaves(sets)) < 360:
        sets += (await talker.next_push()).sets
    assert leaves == [(seq, leaf) for seq in range(3, 13) for leaf in range(36)]


async def test_the_relay_says_why_it_closes(house: House) -> None:
    talkers: list[Talker] = [await house.visitor() for _ in range(3)]
    house.relay.close_connections(1001, "this relay stops; connect again in a moment")
    assert [await one.end() for one in talkers] == [1001] * 3


# -- bugs


@asynccontextmanager
async def single_session(
    limits: ReadLimits | None = None,
) -> AsyncIterator[tuple[ClientSession, str, Lobby]]:
    """Serve sessions of a relay that has nothing."""
    lobby, read_limits = Lobby(), limits or reading()
    app = web.Application()

    async def sessions(request: web.Request) -> web.StreamResponse:
        return await serve_session(request, lobby.connect, read_limits)

    app.router.add_get("/", sessions)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with ClientSession() as http:
        yield http, f"http://127.0.0.1:{runner.addresses[0][1]}/", lobby
    await runner.cleanup()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"Upgrade", b"web\xf3ocket"),
        (b"Connection", b"\xff"),
        (b"Sec-WebSocket-Version", b"\xb113"),
        (b"Sec-WebSocket-Key", b"\xe9" * 24),
    ],
    ids=str,
)
async def test_a_header_that_is_no_text_is_a_bad_request(header: bytes, value: bytes) -> None:
    headers = {
        b"Host": b"localhost",
        b"Upgrade": b"websocket",
        b"Connection": b"Upgrade",
        b"Sec-WebSocket-Version": b"13",
        b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
        header: value,
    }
    async with single_session() as (_, url, lobby):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2][:-1]))
        lines = b"".join(b"%b: %b\r\n" % line for line in headers.items())
        writer.write(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
        assert await asyncio.wait_for(reader.readline(), TIMEOUT_S) == b"HTTP/1.1 400 Bad Request\r\n"
        writer.close()
        await writer.wait_closed()
        assert not lobby.connections


@pytest.mark.parametrize("where", ["receive", "next_frame"])
async def test_a_bug_closes_the_session_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async with single_session() as (http, url, lobby):
        monkeypatch.setattr(Connection, where, fail)
        socket = await http.ws_connect(url)
        await socket.send_bytes(wire.encode_envelope(1, wire.PingRequest()))
        message: WSMessage = await asyncio.wait_for(socket.receive(), TIMEOUT_S)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1011)
        await socket.close()
        await until(lambda: not lobby.connections)
    assert "ZeroDivisionError" in caplog.text


async def test_answers_wait_for_nothing_but_their_own_turn(house: House) -> None:
    talker = await house.visitor()
    answers = [await talker.start(wire.PingRequest()) for _ in range(500)]
    for answer in await asyncio.wait_for(asyncio.gather(*answers), TIMEOUT_S):
        with pytest.raises(Exception, match="is for the relay to send"):
            payload(answer)
