"""A process full of clients that make a relay hold as much as they can, each kind in another way.

Reads what it is to do as one line of JSON; prints, for each kind, how often it began and how it ended. Who is
closed comes back. They come from many addresses of the loopback network, as so many would.
"""

import asyncio
import json
import os
import resource
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

from minirelay.protocol import envelope as wire
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.signing import PrivateKey
from tests.system.hostile.attacks import FRAME_BYTES, HANDSHAKE, client_frame

PER_ADDRESS = 32
TRY_AGAIN_LATER = b"\x03\xf5"
BINARY, CONTINUATION = 0x2, 0x0
WIDE_HEADERS = "".join(f"X-{number}: \U0001f600{'a' * 1000}\r\n" for number in range(15))
"""Near the bound of a head, as text that takes four bytes for each character."""
HALF_HEAD = f"GET / HTTP/1.1\r\nHost: x\r\n{WIDE_HEADERS}".encode()
OPENINGS = {
    "silence": HANDSHAKE.removesuffix("\r\n") + WIDE_HEADERS + "\r\n",
    "half_head": "",
    "unread_requests": "",
    "half_body": "",
}
"""What a kind begins with, if it is not the usual handshake."""
RECEIVE_BYTES = 4096
"""What the kernel keeps for a client that does not read is not the relay's; but it takes time to fill."""


@dataclass
class Client:
    """One connection of a hoarder."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    shop_id: bytes
    guest: PrivateKey
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, message: wire.Message) -> None:
        await self.send(client_frame(BINARY, wire.encode_envelope(next(self.numbers), message)))

    async def subscribe(self, *filters: wire.Filter) -> None:
        await self.ask(wire.SubscriptionRequest(self.shop_id, filters=filters))

    async def authenticate(self) -> None:
        await self.ask(wire.AuthenticateRequest(self.guest.public_key))
        message = wire.decode_envelope(await self._read_frame()).message
        if isinstance(message, wire.Success):
            await self.ask(wire.ChallengeSolvedRequest(self.guest.sign(message.payload)))
            await self._read_frame()

    async def _read_frame(self) -> bytes:
        _, size = await self.reader.readexactly(2)
        return await self.reader.readexactly(
            size if size < 126 else int.from_bytes(await self.reader.readexactly(2))
        )


Hoard = Callable[[Client], Awaitable[None]]


async def partial_frame(client: Client) -> None:
    """All of the largest frame but its last byte."""
    await client.send(client_frame(BINARY, bytes(FRAME_BYTES))[:-1])


async def partial_message(client: Client) -> None:
    """A message in fragments, and never the last one."""
    size = 50_000
    await client.send(client_frame(BINARY, bytes(size), is_final=False))
    for _ in range(FRAME_BYTES // size - 1):
        await client.send(client_frame(CONTINUATION, bytes(size), is_final=False))


async def tiny_pieces(client: Client) -> None:
    """A large frame, a byte at a time."""
    data = client_frame(BINARY, bytes(FRAME_BYTES))
    for at in range(3000):
        await client.send(data[at : at + 1])
        await asyncio.sleep(0.001)


async def unread_pushes(client: Client) -> None:
    """The whole shop, many times over, and nothing is read."""
    for _ in range(32):
        await client.subscribe()


async def unread_answers(client: Client) -> None:
    """Questions without end, and nothing is read."""
    question = wire.encode_envelope(1, wire.SubscriptionCancelRequest(b"\xff\xff"))
    while True:
        await client.send(client_frame(BINARY, question) * 100)


async def unacknowledged_pushes(client: Client) -> None:
    """The whole shop, many times over, all of it read, and nothing acknowledged."""
    await unread_pushes(client)
    while await client.reader.read(2**16):
        pass


async def filters(client: Client) -> None:
    """As many and as long filters as there may be."""
    for number in range(32):
        ids = (f"{number} {at}".encode().ljust(1024, b"x") for at in range(8))
        await client.subscribe(*(wire.Filter(ObjectType.TAG, one) for one in ids))


async def short_filters(client: Client) -> None:
    """As many filters as there may be."""
    for number in range(32):
        ids = ((number * 128 + at).to_bytes(8) for at in range(128))
        await client.subscribe(*(wire.Filter(ObjectType.LISTING, one) for one in ids))


async def unanswered_writes(client: Client) -> None:
    """Large writes, one after another."""
    await client.authenticate()
    for _ in range(6):
        await client.ask(wire.PatchSetWriteRequest(bytes(FRAME_BYTES - 100)))


async def silence(_: Client) -> None:
    """Nothing at all, behind a handshake with the largest head."""


async def half_head(client: Client) -> None:
    """A request whose head never ends."""
    await client.send(HALF_HEAD)


async def unread_requests(client: Client) -> None:
    """Requests without end, whose answers are not read."""
    while True:
        await client.send(HALF_HEAD + b"\r\n")


async def half_body(client: Client) -> None:
    """A request whose body never ends, and nobody reads it."""
    await client.send(b"GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await client.send(b"1000\r\n%s\r\n" % bytes(4096))


HTTP_KINDS: dict[str, Hoard] = {kind.__name__: kind for kind in (half_head, unread_requests, half_body)}
"""Those that never become sessions."""

KINDS: dict[str, Hoard] = {
    kind.__name__: kind
    for kind in (
        partial_frame,
        partial_message,
        tiny_pieces,
        unread_pushes,
        unread_answers,
        unacknowledged_pushes,
        filters,
        short_filters,
        unanswered_writes,
        silence,
    )
}


async def hoard(
    url: str, shop_id: int, guests: list[str], sessions: int, seconds: float, kinds: list[str]
) -> None:
    """Hold so many sessions, of these kinds in turn, for so long."""
    done: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    keys = [PrivateKey.from_bytes(bytes.fromhex(guest)) for guest in guests]
    tasks = []
    for number in range(sessions):
        name = kinds[number % len(kinds)]
        key = keys[number // len(kinds) % len(keys)]
        come = _go_on(name, done[name], url, number, shop_id.to_bytes(32), key)
        tasks.append(asyncio.create_task(come))
    failed, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in failed:
        task.result()
    print(json.dumps(done), flush=True)
    # Without farewells: thousands would take their time.
    os._exit(0)


async def _go_on(
    name: str, done: Counter[str], url: str, number: int, shop_id: bytes, guest: PrivateKey
) -> None:
    kind = (KINDS | HTTP_KINDS)[name]
    # Not all at once.
    await asyncio.sleep(number * 0.002)
    while True:
        try:
            reader, writer = await connect(url, number, OPENINGS.get(name, HANDSHAKE))
        except (OSError, asyncio.IncompleteReadError):
            done["refused"] += 1
            await asyncio.sleep(0.5)
            continue
        done["begun"] += 1
        client = Client(reader, writer, shop_id, guest)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await kind(client)
            done[await _wait_for_end(client)] += 1
        finally:
            writer.transport.abort()


async def _wait_for_end(client: Client) -> str:
    """Read on; say how it ended."""
    tail = b""
    with suppress(ConnectionError):
        while data := await client.reader.read(2**16):
            tail = (tail + data)[-200:]
    return "try again later" if b"\x88" in tail and TRY_AGAIN_LATER in tail else "torn down"


async def connect(
    url: str, number: int, opening: str = HANDSHAKE
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect from the address of this number. opening: a handshake, or nothing.

    Raises ConnectionRefusedError and others.
    """
    address = urlsplit(url)
    source = (f"127.0.{1 + number // PER_ADDRESS // 250}.{1 + number // PER_ADDRESS % 250}", 0)
    reader, writer = await asyncio.open_connection(
        address.hostname, address.port, limit=RECEIVE_BYTES, local_addr=source
    )
    if not opening:
        return reader, writer
    writer.write(opening.format(host="x").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head:
        writer.transport.abort()
        raise ConnectionRefusedError
    return reader, writer


def main() -> None:
    """Hoard as the line on the standard input says."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(hoard(**json.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
