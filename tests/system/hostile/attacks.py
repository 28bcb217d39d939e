"""What strangers and guests do to use a relay up, each kind at the edges of the bounds that it meets.

An attack goes on until it is told that it is over. What the relay answers doesn't matter here: connections
that it closes are opened again.
"""

import asyncio
import os
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from urllib.parse import urlsplit

from aiohttp import ClientConnectionError, ClientError, ClientSession

from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import Key, Value, encode, encode_map_of
from minirelay.protocol.mmr import root
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import join_patch_set
from minirelay.protocol.signing import PrivateKey
from tests.raw_client import Refused, Talker

HEADER_BYTES = 1024
FILTER_ID_BYTES = 1024
FRAME_BYTES = 2 * 1024 * 1024
ITEMS_PER_SET = 400
HANDSHAKE = (
    "GET /v4/sessions HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_FINAL, _BINARY, _PING, _MASKED = 0x80, 0x2, 0x9, 0x80


@dataclass
class Target:
    """The relay, and what was prepared for an attack. guest: an enrolled card, this attacker's own."""

    url: str
    shop_id: int
    http: ClientSession
    guest: PrivateKey
    chance: random.Random
    is_over: asyncio.Event
    done: dict[str, int] = field(default_factory=dict)
    _nonce: int = 0

    def note(self, what: str) -> None:
        """Count something that was done."""
        self.done[what] = self.done.get(what, 0) + 1

    def seal(self, leaves: list[bytes], *, header_bytes: int = 0) -> bytes:
        """Sign a set; an unknown field fills its header up to so many bytes."""
        self._nonce += 1
        fields: dict[Key, Value] = {
            "KeyCardNonce": self._nonce + 2**20,
            "ShopID": self.shop_id,
            "Timestamp": datetime.now(UTC),
            "RootHash": root(leaves),
        }
        header = encode(fields)
        if header_bytes:
            header = _filled(fields, header_bytes)
        return join_patch_set(header, self.guest.sign(header), leaves)


def _filled(fields: dict[Key, Value], size_bytes: int) -> bytes:
    lack = size_bytes - len(encode(fields | {"x": b""}))
    while len(header := encode(fields | {"x": bytes(lack)})) > size_bytes:
        lack -= 1
    return header


Attack = Callable[[Target], Awaitable[None]]


SESSIONS_PATH = "v4/sessions"


@asynccontextmanager
async def _session(target: Target, key: PrivateKey | None = None) -> AsyncIterator[Talker]:
    """Open a session that answers nothing; it is torn down without a word. key: to authenticate with."""
    url = f"{target.url}/{SESSIONS_PATH}"
    session = await Talker.connect(target.http, url, key=key, is_mute=True, keeps=False, timeout_s=120.0)
    try:
        if key is not None:
            # Refused while the relay has not noticed that an earlier one is gone; then its writes are, too.
            with suppress(Refused):
                await session.authenticate()
        yield session
    finally:
        session.abort()


async def _ask(target: Target, session: Talker, request: wire.Message, success: str) -> None:
    try:
        await session.ask(request)
    except Refused:
        target.note("refused")
    else:
        target.note(success)


async def _write(target: Target, session: Talker, patch_set: bytes) -> None:
    await _ask(target, session, wire.PatchSetWriteRequest(patch_set), "written")


def _patch(op: str, path: list[Value], value: Value) -> bytes:
    return encode({"Op": op, "Path": path, "Value": value})


def _add_order(order_id: int, items: list[Value]) -> bytes:
    return _patch("add", ["Orders", order_id], {"ID": order_id, "Items": items, "State": 1})


def _own_order(target: Target) -> int:
    return int.from_bytes(target.guest.public_key[1:8]) + target.chance.randrange(2**20)


async def headers(target: Target) -> None:
    """Write sets with headers at the bound, one byte beyond, and far beyond with thousands of patches."""
    async with _session(target, target.guest) as session:
        for number in count():
            leaf = _add_order(_own_order(target), [])
            for size in (HEADER_BYTES, HEADER_BYTES + 1):
                await _write(target, session, target.seal([leaf], header_bytes=size))
            if number % 10 == 0:
                await _write(target, session, target.seal([leaf] * 4000, header_bytes=800 * 1024))


async def filters(target: Target) -> None:
    """Hold as many and as long filters as there may be, and ask for more."""
    long_ids = tuple(
        wire.Filter(ObjectType.TAG, f"{number:04}".encode().ljust(FILTER_ID_BYTES, b"x"))
        for number in range(7)
    )
    too_long = (wire.Filter(ObjectType.TAG, b"x" * (FILTER_ID_BYTES + 1)),)
    many = tuple(wire.Filter(ObjectType.LISTING, number.to_bytes(8)) for number in range(1000))
    shop_id = target.shop_id.to_bytes(32)
    while True:
        async with _session(target) as session:
            for number in range(60):
                chosen = (long_ids, too_long, many)[number % 3]
                request = wire.SubscriptionRequest(shop_id, filters=chosen)
                await _ask(target, session, request, "subscribed")


async def giant_order(target: Target) -> None:
    """Grow an order as far as it goes, then change one number in it again and again."""
    order_id = _own_order(target)
    item: Value = {"ListingID": 1, "Quantity": 1}
    growing = _patch("append", ["Orders", order_id, "Items"], item)
    async with _session(target, target.guest) as session:
        await _write(target, session, target.seal([_add_order(order_id, [item])]))
        for _ in range(12):
            await _write(target, session, target.seal([growing] * ITEMS_PER_SET))
        for number in count(1):
            quantity = _patch("replace", ["Orders", order_id, "Items", 0, "Quantity"], number)
            await _write(target, session, target.seal([quantity]))


async def giant_sets(target: Target) -> None:
    """Write as many patches to one order as a set may have, and one more."""
    order_id = _own_order(target)
    items: list[Value] = [{"ListingID": 1, "Quantity": 1}] * 1000
    quantity = _patch("replace", ["Orders", order_id, "Items", 999, "Quantity"], 7)
    async with _session(target, target.guest) as session:
        await _write(target, session, target.seal([_add_order(order_id, items)]))
        for number in count():
            await _write(target, session, target.seal([quantity] * (16_384 + number % 2)))


async def nested_sets(target: Target) -> None:
    """Write values of as many lists and maps as the reader takes."""
    async with _session(target, target.guest) as session:
        while True:
            empty: list[Value] = [[]] * target.chance.choice((4000, 5000, 9000))
            path = encode(["Orders", _own_order(target)])
            leaf = encode_map_of({"Op": encode("add"), "Path": path, "Value": encode(empty)})
            await _write(target, session, target.seal([leaf] * target.chance.choice((1, 20))))


async def subscriptions(target: Target) -> None:
    """Subscribe to the whole shop again and again, and acknowledge nothing."""
    while True:
        socket = await target.http.ws_connect(f"{target.url}/{SESSIONS_PATH}", max_msg_size=0)
        for number in range(1, 40):
            request = wire.SubscriptionRequest(target.shop_id.to_bytes(32))
            await socket.send_bytes(wire.encode_envelope(number, request))
        for _ in range(200):
            await socket.receive_bytes()
        target.note("sessions")
        await socket.close()


async def idle_sockets(target: Target) -> None:
    """Hold connections that say nothing, or a byte of a request now and then."""
    while True:
        writers = []
        with suppress(OSError):
            for _ in range(20):
                writers.append((await _connect(target))[1])
                target.note("connections")
        for _ in range(10):
            for writer in writers[::2]:
                writer.write(b"G")
            await asyncio.sleep(0.3)
        for writer in writers:
            writer.transport.abort()


async def fragments(target: Target) -> None:
    """Send empty continuation frames as fast as they go."""
    writer = await _handshaken(target)
    writer.write(client_frame(_BINARY, b"", is_final=False))
    await _flood(target, writer, client_frame(0, b"", is_final=False) * 2000, "fragments")


async def pings(target: Target) -> None:
    """Send WebSocket pings as fast as they go."""
    writer = await _handshaken(target)
    await _flood(target, writer, client_frame(_PING, os.urandom(8)) * 500, "pings")


async def tiny_frames(target: Target) -> None:
    """Send answers that nobody asked for (they are ignored, or end the session), as fast as they go."""
    while True:
        writer = await _handshaken(target)
        cancel = wire.encode_envelope(1, wire.SubscriptionCancelRequest(b"\xff\xff"))
        with suppress(ConnectionError, TimeoutError):
            await _flood(target, writer, client_frame(_BINARY, cancel) * 500, "tiny frames")


async def partial_frames(target: Target) -> None:
    """Send all but the last byte of the largest frame."""
    while True:
        writer = await _handshaken(target)
        writer.write(client_frame(_BINARY, bytes(FRAME_BYTES))[:-1])
        await writer.drain()
        target.note("partial frames")
        await asyncio.sleep(2)
        writer.transport.abort()


async def unread_answers(target: Target) -> None:
    """Ask and never read."""
    while True:
        reader, writer = await _connect(target, limit=1024)
        writer.write(HANDSHAKE.format(host="x").encode())
        await reader.readuntil(b"\r\n\r\n")
        subscribe = wire.SubscriptionRequest(target.shop_id.to_bytes(32))
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(5):
                for number in count(1):
                    writer.write(client_frame(_BINARY, wire.encode_envelope(number, subscribe)))
                    await writer.drain()
        target.note("unread")
        writer.transport.abort()


async def _flood(target: Target, writer: asyncio.StreamWriter, data: bytes, what: str) -> None:
    while True:
        writer.write(data)
        await asyncio.wait_for(writer.drain(), 30)
        target.note(what)


async def _handshaken(target: Target) -> asyncio.StreamWriter:
    reader, writer = await _connect(target)
    writer.write(HANDSHAKE.format(host="x").encode())
    await reader.readuntil(b"\r\n\r\n")
    asyncio.ensure_future(_discard(reader))  # noqa: RUF006  (ends with the connection)
    return writer


async def _discard(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(2**16):
            pass


async def _connect(target: Target, limit: int = 2**16) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(target.url)
    return await asyncio.open_connection(address.hostname, address.port, limit=limit)


def client_frame(opcode: int, payload: bytes, *, is_final: bool = True) -> bytes:
    first = (_FINAL if is_final else 0) | opcode
    if len(payload) < 126:
        head = struct.pack(">BB", first, _MASKED | len(payload))
    elif len(payload) < 2**16:
        head = struct.pack(">BBH", first, _MASKED | 126, len(payload))
    else:
        head = struct.pack(">BBQ", first, _MASKED | 127, len(payload))
    return head + bytes(4) + payload  # a mask of zeros


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        headers,
        filters,
        giant_order,
        giant_sets,
        nested_sets,
        subscriptions,
        idle_sockets,
        fragments,
        pings,
        tiny_frames,
        partial_frames,
        unread_answers,
    )
}

RETRIED = (
    ClientError,
    ClientConnectionError,
    ConnectionError,
    TimeoutError,
    asyncio.IncompleteReadError,
    TypeError,
)
"""What an attacker gets when the relay has had enough of it. (TypeError: a close instead of bytes.)"""


async def go_on(attack: Attack, target: Target) -> None:
    """Attack again and again until it is over."""
    while not target.is_over.is_set():
        try:
            target.note("begun")
            await attack(target)
        except RETRIED:
            await asyncio.sleep(0.05)
