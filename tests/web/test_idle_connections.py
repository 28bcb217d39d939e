"""Connections that ask for nothing lose their place; those that are served keep it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from aiohttp import ClientSession, WSMsgType, web

from minirelay.config.quantities import PositiveSeconds
from minirelay.config.settings import Settings
from minirelay.web.idle_connections import IdleConnections
from minirelay.web.listener import Listener
from tests.relay.house import TIMEOUT_S
from tests.web.edge import SETTINGS, listening

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Connection:
    """Something that waits."""

    is_given_up = False

    def give_up(self) -> None:
        self.is_given_up = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def closed(connections: list[Connection]) -> list[bool]:
    return [connection.is_given_up for connection in connections]


def test_a_new_connection_has_its_time_and_an_answered_one_another() -> None:
    clock = Clock()
    idle = IdleConnections(10, 30, clock)
    _, served, answered, gone = connections = [Connection() for _ in range(4)]
    for connection in connections:
        idle.began(connection)
    idle.served(served)
    idle.served(answered)
    idle.answered(answered)
    idle.gone(gone)
    clock.now = 9.9
    idle.close_late()
    assert closed(connections) == [False] * 4
    clock.now = 10
    idle.close_late()
    assert closed(connections) == [True, False, False, False]
    clock.now = 30
    idle.close_late()
    assert closed(connections) == [True, False, True, False]
    assert len(idle) == 0
    idle.answered(served)
    assert len(idle) == 1


def test_each_request_gives_its_time_again() -> None:
    clock = Clock()
    idle = IdleConnections(10, 30, clock)
    busy, unused = Connection(), Connection()
    for connection in (busy, unused):
        idle.began(connection)
        idle.served(connection)
        idle.answered(connection)
    for _ in range(5):
        clock.now += 29
        idle.served(busy)
        idle.answered(busy)
        idle.close_late()
    assert closed([busy, unused]) == [False, True]


def test_checks_are_closer_together_than_the_times() -> None:
    assert IdleConnections(10, 30, Clock()).check_interval_s == 1
    assert IdleConnections(0.4, 30, Clock()).check_interval_s == pytest.approx(0.1)


def soon(**limits: float) -> Settings:
    """Return settings with these times of connections, in seconds."""
    times = {name: PositiveSeconds(value) for name, value in limits.items()}
    return msgspec.structs.replace(SETTINGS, limits=msgspec.structs.replace(SETTINGS.limits, **times))


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


@asynccontextmanager
async def answering(settings: Settings, handler: object = hello) -> AsyncIterator[Listener]:
    app = web.Application()
    assert callable(handler)
    app.router.add_get("/", handler)
    listener = Listener.bind("127.0.0.1", 0)
    async with listening(app, listener, settings=settings):
        yield listener


async def drip(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"a")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("head", [b"", REQUEST[:-2], REQUEST[:3]])
async def test_a_connection_without_a_whole_request_is_closed(head: bytes) -> None:
    async with answering(soon(first_request_timeout=0.05)) as listener:
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        writer.write(head)
        assert await asyncio.wait_for(reader.read(), TIMEOUT_S) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_head_that_comes_byte_by_byte_is_silence() -> None:
    async with answering(soon(first_request_timeout=0.1)) as listener:
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        writer.write(REQUEST[:-2] + b"X-Slow: ")
        dripping = asyncio.create_task(drip(writer))
        with suppress(ConnectionResetError):  # a byte had come that nobody read any more
            assert await asyncio.wait_for(reader.read(), TIMEOUT_S) == b""
        dripping.cancel()
        writer.close()


async def test_a_connection_whose_next_request_does_not_come_is_closed() -> None:
    async with answering(soon(idle_timeout=0.05)) as listener:
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        writer.write(REQUEST)
        answer = await asyncio.wait_for(reader.read(), TIMEOUT_S)
        assert answer.endswith(b"hello")
        writer.close()
        await writer.wait_closed()


async def test_who_is_being_served_is_left_alone() -> None:
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade"):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await release.wait()
            await socket.send_str("still here")
            await socket.close()
            return socket
        await release.wait()
        return web.Response(text="late")

    settings = soon(first_request_timeout=0.05, idle_timeout=0.05)
    async with answering(settings, slow) as listener, ClientSession() as client:
        socket = await client.ws_connect(listener.url)
        asked = asyncio.create_task(client.get(listener.url))
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        # This one came last and is closed: the others have stayed for longer.
        assert await asyncio.wait_for(reader.read(), TIMEOUT_S) == b""
        writer.close()
        release.set()
        message = await asyncio.wait_for(socket.receive(), TIMEOUT_S)
        assert (message.type, message.data) == (WSMsgType.TEXT, "still here")
        async with await asked as response:
            assert await response.text() == "late"
        await socket.close()


async def test_who_does_not_read_an_answer_keeps_no_place() -> None:
    gone = asyncio.Event()

    async def large(request: web.Request) -> web.Response:
        assert request.task is not None
        request.task.add_done_callback(lambda _: gone.set())
        return web.Response(body=bytes(16 * 2**20))

    async with answering(soon(idle_timeout=0.1), large) as listener:
        _, writer = await asyncio.open_connection(*listener.socket.getsockname(), limit=1024)
        writer.write(REQUEST)
        # The client's buffers are full soon, and nobody empties them.
        await asyncio.wait_for(gone.wait(), TIMEOUT_S)
        writer.close()
