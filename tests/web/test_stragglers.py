"""Connections that ask for nothing lose their place; those that are served keep it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from minirelay.web.listener import Listener, listen
from minirelay.web.stragglers import Stragglers

TIMEOUT_S = 20.0
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


@asynccontextmanager
async def listening(
    handler: object = hello, request_timeout_s: float = 0.05
) -> AsyncIterator[tuple[str, int, str]]:
    app = web.Application()
    assert callable(handler)
    app.router.add_get("/", handler)
    listener = Listener.bind("127.0.0.1", 0)
    async with listen(app, listener, request_timeout_s=request_timeout_s) as url:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.hostname, parts.port, url


@pytest.mark.parametrize("head", [b"", REQUEST[:-2], REQUEST[:3]])
async def test_a_connection_without_a_whole_request_is_closed(head: bytes) -> None:
    async with listening() as (host, port, _):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head)
        assert await asyncio.wait_for(reader.read(), TIMEOUT_S) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_connection_whose_next_request_does_not_come_is_closed() -> None:
    async with listening() as (host, port, _):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(REQUEST)
        answer = await asyncio.wait_for(reader.read(), TIMEOUT_S)
        assert answer.endswith(b"hello")
        writer.close()
        await writer.wait_closed()


async def test_one_failure_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    seen_twice = asyncio.Event()

    class Failing:
        attempts = 0

        @property
        def connections(self) -> list[RequestHandler]:
            self.attempts += 1
            if self.attempts == 1:
                raise RuntimeError("a bug")
            seen_twice.set()
            return []

    stragglers = Stragglers(0.01, lambda: 0.0)
    watch = asyncio.create_task(stragglers.watch(Failing()))  # type: ignore[arg-type]
    await asyncio.wait_for(seen_twice.wait(), TIMEOUT_S)
    watch.cancel()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_who_is_being_served_is_left_alone() -> None:
    straggling = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade"):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await straggling.wait()
            await socket.send_str("still here")
            await socket.close()
            return socket
        await straggling.wait()
        return web.Response(text="late")

    async with listening(slow) as (host, port, url), ClientSession() as client:
        socket = await client.ws_connect(url)
        asked = asyncio.create_task(client.get(url))
        reader, writer = await asyncio.open_connection(host, port)
        # This one came last and is closed: the others have stayed for longer.
        assert await asyncio.wait_for(reader.read(), TIMEOUT_S) == b""
        writer.close()
        straggling.set()
        message = await asyncio.wait_for(socket.receive(), TIMEOUT_S)
        assert (message.type, message.data) == (WSMsgType.TEXT, "still here")
        async with await asked as response:
            assert await response.text() == "late"
        await socket.close()


@asynccontextmanager
async def served(stragglers: Stragglers, handler: Handler) -> AsyncIterator[tuple[web.Server, int]]:
    """Serve without the listener's watch; give the server and its port."""
    app = web.Application(middlewares=[stragglers.middleware()])
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.server, runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_a_new_request_starts_the_time_again() -> None:
    now = 0.0
    stragglers = Stragglers(10.0, lambda: now)
    async with served(stragglers, hello) as (server, port), ClientSession() as client:
        for _ in range(5):
            async with client.get(f"http://127.0.0.1:{port}/") as response:
                await response.read()
            stragglers.close_late(server)
            now += 9.0
            stragglers.close_late(server)
            assert [connection.transport is not None for connection in server.connections] == [True]
        now += 1.0
        stragglers.close_late(server)
        assert all(connection.transport is None for connection in server.connections)


async def test_who_does_not_read_an_answer_keeps_no_place() -> None:
    now = 0.0
    answered = asyncio.Event()

    async def large(_request: web.Request) -> web.Response:
        answered.set()
        return web.Response(body=bytes(16 * 2**20))

    stragglers = Stragglers(10.0, lambda: now)
    async with served(stragglers, large) as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(REQUEST)
        await asyncio.wait_for(answered.wait(), TIMEOUT_S)
        stragglers.close_late(server)
        now += 10.0
        stragglers.close_late(server)
        async with asyncio.timeout(TIMEOUT_S):
            while server.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        writer.close()
