"""Connections that ask for nothing lose their place; those that are served keep it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, WSMsgType, web

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


async def test_a_new_request_starts_the_time_again() -> None:
    now = 0.0
    stragglers = Stragglers(10.0, lambda: now)
    app = web.Application(middlewares=[stragglers.middleware()])
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with ClientSession() as client:
            for _ in range(5):
                async with client.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as response:
                    await response.read()
                stragglers.close_late(runner.server)
                now += 9.0
                stragglers.close_late(runner.server)
                assert [connection.transport is not None for connection in runner.server.connections] == [
                    True
                ]
            now += 1.0
            stragglers.close_late(runner.server)
            assert all(connection.transport is None for connection in runner.server.connections)
    finally:
        await runner.cleanup()
