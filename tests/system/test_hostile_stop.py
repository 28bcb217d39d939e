"""A stop takes at most ten seconds, whatever clients do meanwhile."""

import asyncio
import os
import secrets
import signal
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from minirelay.bench.fixtures import SHOP_ID, Cards, enrol
from minirelay.client import PrivateKey
from minirelay.protocol import envelope as wire
from tests.relay.house import until
from tests.system.hostile.attacks import FRAME_BYTES, HANDSHAKE, client_frame
from tests.system.hostile.hoarders import Client
from tests.system.standalone import LOOPS, Standalone, has_enough_files, standalone

MOST_STOP_S = 20.0
"""Twice what a service manager grants: this machine runs other tests, too."""
EACH = int(os.environ.get("MINIRELAY_STOP_CLIENTS", "24"))
"""Clients of every kind; each kind has its own address, on which at most 32 connections may be silent."""

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = HANDSHAKE.format(host="x").encode()
BINARY = 0x2

Address = tuple[str, int]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Crowd:
    """Clients of all kinds. ready: counts who has come as far as it wants to before the stop."""

    def __init__(self, address: Address, guest: PrivateKey) -> None:
        self.address = address
        self.guest = guest
        self.ready: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.is_stopping = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, source: str) -> Streams:
        streams = await asyncio.open_connection(*self.address, local_addr=(source, 0), limit=2048)
        self._writers.append(streams[1])
        return streams

    def leave(self) -> None:
        """Close all connections, without a farewell."""
        for writer in self._writers:
            writer.transport.abort()

    async def session(self, source: str) -> Client:
        reader, writer = await self.connect(source)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        return Client(reader, writer, SHOP_ID.to_bytes(32), self.guest)


Kind = Callable[[Crowd, str], Awaitable[None]]


async def upgrading(crowd: Crowd, source: str) -> None:
    """A connection that was kept alive becomes a session while the relay stops, and then writes on."""
    reader, writer = await crowd.connect(source)
    writer.write(HEALTH)
    await reader.readuntil(b"health OK")
    crowd.ready["upgrading"] += 1
    await crowd.is_stopping.wait()
    writer.write(UPGRADE)
    crowd.ready["handshakes sent"] += 1
    await upgraded(crowd, reader)
    while True:
        writer.write(client_frame(BINARY, bytes(1000)))
        await writer.drain()
        await asyncio.sleep(0.01)


async def asking_on(crowd: Crowd, source: str) -> None:
    """A connection asks one thing after the other, and becomes a session at the end."""
    reader, writer = await crowd.connect(source)
    crowd.ready["asking_on"] += 1
    while not crowd.is_stopping.is_set():
        writer.write(HEALTH)
        await reader.readuntil(b"health OK")
    writer.write(HEALTH + UPGRADE)
    await upgraded(crowd, reader)
    await asyncio.Event().wait()


async def upgraded(crowd: Crowd, reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    crowd.done["upgraded" if b" 101 " in head else "answered"] += 1


async def coming_back(crowd: Crowd, source: str) -> None:
    """Connections again and again, each to become a session."""
    crowd.ready["coming_back"] += 1
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, writer = await crowd.connect(source)
            writer.write(UPGRADE)
            writer.transport.abort()
        await asyncio.sleep(0.02)


async def half_heads(crowd: Crowd, source: str) -> None:
    """A byte of a head now and then."""
    _, writer = await crowd.connect(source)
    crowd.ready["half_heads"] += 1
    while True:
        writer.write(b"G")
        await writer.drain()
        await asyncio.sleep(0.05)


async def half_bodies(crowd: Crowd, source: str) -> None:
    """A sign-in message that does not end."""
    _, writer = await crowd.connect(source)
    writer.write(b"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{")
    crowd.ready["half_bodies"] += 1
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def half_frames(crowd: Crowd, source: str) -> None:
    """All of a frame but its end, a byte at a time."""
    client = await crowd.session(source)
    frame = client_frame(BINARY, bytes(100_000))
    await client.send(frame[:-1000])
    crowd.ready["half_frames"] += 1
    for at in range(1000, 0, -1):
        await client.send(frame[-at:][:1])
        await asyncio.sleep(0.05)


async def never_reading(crowd: Crowd, source: str) -> None:
    """Questions without end, and no answer is read: neither is that the relay closes."""
    client = await crowd.session(source)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    crowd.ready["never_reading"] += 1
    question = client_frame(BINARY, wire.encode_envelope(1, wire.SubscriptionCancelRequest(b"\xff\xff")))
    while True:
        await client.send(question * 100)


async def subscribing(crowd: Crowd, source: str) -> None:
    """The whole shop, many times over."""
    client = await crowd.session(source)
    crowd.ready["subscribing"] += 1
    while True:
        await client.subscribe()
        await asyncio.sleep(0.01)


async def writing(crowd: Crowd, source: str) -> None:
    """Large writes, one after the other, by one guest; the others of this kind are refused."""
    client = await crowd.session(source)
    await client.authenticate()
    crowd.ready["writing"] += 1
    while True:
        await client.ask(wire.PatchSetWriteRequest(bytes(FRAME_BYTES // 8)))


KINDS: tuple[Kind, ...] = (
    upgrading,
    asking_on,
    coming_back,
    half_heads,
    half_bodies,
    half_frames,
    never_reading,
    subscribing,
    writing,
)


async def behave(kind: Kind, crowd: Crowd, source: str) -> None:
    """Do it until the relay has had enough: closing, resetting and refusing is its good right."""
    with suppress(OSError, asyncio.IncompleteReadError):
        await kind(crowd, source)


async def stop_among(relay: Standalone, guest: PrivateKey) -> tuple[float, Counter[str]]:
    """Stop while the crowd is at it; give how long that took, and what became of those who upgraded."""
    crowd = Crowd(relay.address, guest)
    tasks = [
        asyncio.create_task(behave(kind, crowd, f"127.0.2.{number}"))
        for number, kind in enumerate(KINDS, start=1)
        for _ in range(EACH)
    ]
    try:
        async with asyncio.timeout(30):
            while any(crowd.ready[kind.__name__] < EACH for kind in KINDS):
                for task in tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.02)
        stopping = await stop_with_handshakes_to_read(relay, crowd)
        return await stopping, crowd.done
    finally:
        for task in tasks:
            task.cancel()
        crowd.leave()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if outcome is not None and not isinstance(outcome, asyncio.CancelledError):
                raise outcome


async def stop_with_handshakes_to_read(relay: Standalone, crowd: Crowd) -> asyncio.Task[float]:
    """Let it find the signal and the handshakes together: it sleeps until all of them are there."""
    relay.process.send_signal(signal.SIGSTOP)
    await until(lambda: relay.is_asleep)
    crowd.is_stopping.set()
    await until(lambda: crowd.ready["handshakes sent"] == EACH)
    stopping = asyncio.create_task(asyncio.to_thread(relay.stop))
    await until(lambda: relay.has_pending_signal(signal.SIGTERM))
    relay.process.send_signal(signal.SIGCONT)
    return stopping


@pytest.mark.parametrize("loop", LOOPS)
def test_a_stop_takes_ten_seconds_at_most_whatever_clients_do(tmp_path: Path, loop: str) -> None:
    if not has_enough_files(len(KINDS) * EACH + 500):
        pytest.skip("the system allows too few files")
    guest = PrivateKey.from_bytes(secrets.token_bytes(32))
    asyncio.run(enrol(tmp_path / "data", Cards([PrivateKey.from_bytes(b"\x01" * 32)], [guest])))
    with standalone(tmp_path, {"limits.connection_rate": 0}, loop=loop) as relay:
        took_s, done = asyncio.run(stop_among(relay, guest))
        print(
            f"\n{loop}: {took_s:.2f} s with {len(KINDS) * EACH} clients; of those who upgraded: {dict(done)}"
        )
        assert took_s < MOST_STOP_S
        assert done["upgraded"] > 0
        assert not [line["exception"] for line in relay.lines() if "exception" in line]
