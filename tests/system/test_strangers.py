"""What strangers do to a relay that serves: silent connections, stops that they want to delay, the log."""

import asyncio
import base64
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector

from tests.relay.house import until
from tests.system.standalone import LOOPS, Standalone, has_enough_files, open_files, standalone
from tests.web.test_http_connection import ODD

SILENT = int(os.environ.get("MINIRELAY_SILENT", "2000"))
TIMEOUT_S = 20.0
MOST_LOG_PER_CONNECTION = 300
MOST_STOP_S = 10.0

UPGRADE = (
    b"GET /v4/sessions HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
ENROL = b"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\n"


@contextmanager
def silent_connections(address: tuple[str, int], count: int) -> Iterator[list[socket.socket]]:
    """Connect so many times from one address, and say nothing."""
    connections: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.socket()
            connections.append(connection)
            with suppress(ConnectionResetError):  # closed as soon as it was open
                connection.connect(address)
        yield connections
    finally:
        for connection in connections:
            connection.close()


async def healthy(url: str, source: str) -> bool:
    """Ask for the health from this address; False if nobody answers."""
    connector = TCPConnector(local_addr=(source, 0))
    async with ClientSession(connector=connector) as client, client.get(f"{url}/health") as response:
        return response.status == 200


@pytest.mark.parametrize("loop", LOOPS)
async def test_thousands_of_silent_connections_lock_nobody_out(tmp_path: Path, loop: str) -> None:
    if not has_enough_files(SILENT + 500):
        pytest.skip("the system allows too few files")
    with standalone(tmp_path, loop=loop) as relay:
        before = open_files(relay.process.pid)
        with silent_connections(relay.address, SILENT):
            async with asyncio.timeout(TIMEOUT_S):
                assert await healthy(relay.url, "127.0.0.2")
            assert open_files(relay.process.pid) - before < 32 + 10
        assert relay.stop() < MOST_STOP_S
        lines = relay.said("silent_connections_per_address")
        assert sum(line["count"] for line in lines) == SILENT - 32
        assert len(lines) <= 3
        assert relay.log.stat().st_size < 4000


@pytest.mark.parametrize("loop", LOOPS)
async def test_all_connections_leave_files_to_the_relay(tmp_path: Path, loop: str) -> None:
    """No limits per address, as if they came from everywhere."""
    settings = {
        "limits.connections_per_address": 0,
        "limits.silent_connections_per_address": 0,
        "limits.first_request_timeout": "2s",
    }
    with standalone(tmp_path, settings, loop=loop, max_files=200) as relay:
        with silent_connections(relay.address, 1000):
            async with asyncio.timeout(TIMEOUT_S):
                await until(lambda: bool(relay.said("file descriptors")))
                assert open_files(relay.process.pid) <= 200
                # The silent ones lose their places in time, whoever they are.
                while True:
                    with suppress(OSError):
                        if await healthy(relay.url, "127.0.0.1"):
                            break
                    await asyncio.sleep(0.05)
        assert relay.stop() < MOST_STOP_S
        assert relay.log.stat().st_size < 4000


async def test_a_stop_waits_for_nobody_who_asks_for_nothing(tmp_path: Path) -> None:
    with standalone(tmp_path) as relay:
        streams = [await asyncio.open_connection(*relay.address) for _ in range(20)]
        for _, writer in streams[:10]:
            writer.write(UPGRADE)
        async with ClientSession() as client, client.get(f"{relay.url}/health") as response:
            assert response.status == 200
            assert await asyncio.to_thread(relay.stop) < 3
        for _, writer in streams:
            writer.close()


def masked(opcode: int, payload: bytes = b"", first: int = 0x80) -> bytes:
    """Write a frame with the mask 0."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return bytes([first | opcode]) + length + bytes(4) + payload


LONG = b"p" * 6000
REQUESTS = {name: request for name, (request, _) in ODD.items()} | {
    "silence": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
    "protocols": UPGRADE + b"Sec-WebSocket-Protocol: " + LONG + b"\r\n\r\n",
    "extensions": UPGRADE + b"Sec-WebSocket-Extensions: " + LONG + b"\r\n\r\n",
    "protocols that are no text": UPGRADE + b"Sec-WebSocket-Protocol: \xff\xfe" + LONG + b"\r\n\r\n",
    "no upgrade": b"GET /v4/sessions HTTP/1.1\r\nHost: x\r\n\r\n",
    "no sign-in": ENROL + b"Content-Length: 4\r\n\r\nnone",
    "a long sign-in": ENROL + b"Content-Length: 6000\r\n\r\n" + LONG,
    "half a sign-in": ENROL + b"Content-Length: 6000\r\n\r\n{",
    "a forwarded request": b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + LONG + b"\r\n\r\n",
    "a long path": b"GET /" + LONG + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "cookies": b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"\x7f=" + LONG + b"\r\n\r\n",
    "many requests": b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 30,
    "text": UPGRADE + b"\r\n" + masked(1, b"hello"),
    "no envelope": UPGRADE + b"\r\n" + masked(2, b"\xff" * 120),
    "no UTF-8": UPGRADE + b"\r\n" + masked(1, b"\xff" * 120),
    "no opcode": UPGRADE + b"\r\n" + masked(5, b"hello"),
    "reserved bits": UPGRADE + b"\r\n" + masked(2, b"hello", 0xF0),
    "no mask": UPGRADE + b"\r\n\x82\x01a",
    "a huge frame": UPGRADE + b"\r\n\x82\xff" + struct.pack(">Q", 2**40) + bytes(4),
    "a close that is none": UPGRADE + b"\r\n" + masked(8, b"\x00"),
    "a close with a reason": UPGRADE + b"\r\n" + masked(8, struct.pack(">H", 1002) + b"a" * 120),
    "pings": UPGRADE + b"\r\n" + masked(9, b"p" * 120) * 50,
}


async def send_and_close(address: tuple[str, int], request: bytes, *, reset: bool) -> None:
    """Send something, wait for what comes back, and leave; with a reset, before it was read."""
    try:
        reader, writer = await asyncio.open_connection(*address)
    except ConnectionError:
        return  # those before it still count: it is refused as it comes
    writer.write(request)
    with suppress(TimeoutError, ConnectionError):
        await writer.drain()
        if reset:
            await asyncio.sleep(0)
            writer.transport.abort()
        else:
            await asyncio.wait_for(reader.read(1000), 0.1)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def repeat(times: int, act: Callable[[], Awaitable[None]]) -> None:
    """Do something so many times, a few at a time."""
    for _ in range(times // 10):
        await asyncio.gather(*(act() for _ in range(10)))


async def test_a_stranger_costs_few_bytes_of_log(tmp_path: Path) -> None:
    times = 60
    settings = {"limits.connection_rate": 0, "limits.enrolment_rate": 0}
    costs: dict[str, float] = {}
    with standalone(tmp_path, settings) as relay:
        for name, request in REQUESTS.items():
            for reset in (False, True):
                before = relay.log.stat().st_size
                await repeat(times, lambda r=request, s=reset: send_and_close(relay.address, r, reset=s))  # type: ignore[misc]
                costs[f"{name}{' (reset)' if reset else ''}"] = (relay.log.stat().st_size - before) / times
        assert await healthy(relay.url, "127.0.0.1")
        before = relay.log.stat().st_size
        assert relay.stop() < MOST_STOP_S
        costs["what is said at the end"] = (relay.log.stat().st_size - before) / times
        tell(relay, costs)
        expensive = {name: cost for name, cost in costs.items() if cost > MOST_LOG_PER_CONNECTION}
        assert not expensive
        assert not [line for line in relay.lines() if "exception" in line]


def tell(relay: Standalone, costs: dict[str, float]) -> None:
    """Print what was found, for `pytest -s`."""
    print(f"\n{relay.log.stat().st_size} bytes of log for {len(costs)} kinds; bytes per connection:")
    for name, cost in sorted(costs.items(), key=lambda item: -item[1]):
        if cost:
            print(f"  {cost:7.1f} {name}")


async def test_what_was_left_out_is_counted_in_the_log(tmp_path: Path) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    headers = f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {'p' * 6000}\r\n\r\n".encode()
    request = UPGRADE.partition(b"Sec-WebSocket-Key")[0] + headers
    with standalone(tmp_path, {"limits.connection_rate": 0}) as relay:
        await repeat(60, lambda: send_and_close(relay.address, request, reset=False))
        relay.stop()
        lines = relay.said("Client protocols")
        assert len(lines) == 11
        # aiohttp says it twice of each handshake: when it is asked whether it can be made, and when it is.
        assert len(lines) - 1 + lines[-1]["left_out"] == 2 * 60
        assert all(len(line["event"]) < 1024 for line in lines)
