"""Listening: addresses, hostile HTTP, stopping."""

import asyncio
import logging
import socket

import pytest
from aiohttp import ClientSession, web

from minirelay.errors import ConfigError
from minirelay.web.listener import Listener
from tests.web.edge import listening, serving


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


def app_with(path: str = "/", handler: object = hello) -> web.Application:
    app = web.Application()
    assert callable(handler)
    app.router.add_get(path, handler)
    return app


@pytest.mark.parametrize(("host", "start"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
async def test_the_port_is_known_before_anything_is_served(host: str, start: str) -> None:
    listener = Listener.bind(host, 0)
    assert listener.url.startswith(start)
    async with listening(app_with(), listener) as url, ClientSession() as client:
        assert url == listener.url
        async with client.get(url) as response:
            assert await response.text() == "hello"


async def test_all_addresses_are_those_of_both_kinds() -> None:
    async with listening(app_with(), Listener.bind("::", 0)) as url, ClientSession() as client:
        port = url.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            async with client.get(f"http://{host}:{port}/") as response:
                assert response.status == 200


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"can't listen on 127.0.0.1 port {port}: .*listen_port"):
            Listener.bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a" * 100, ".."])
def test_addresses_that_are_not_ours(host: str) -> None:
    with pytest.raises(ConfigError, match="can't listen on") as error:
        Listener.bind(host, 0)
    assert "\n" not in str(error.value)


def test_a_listener_may_be_closed_unused() -> None:
    listener = Listener.bind("127.0.0.1", 0)
    port = listener.socket.getsockname()[1]
    listener.close()
    Listener.bind("127.0.0.1", port).close()


async def test_stopping_accepts_nothing_new_then_ends_what_runs() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()
    events = []

    async def slow(_request: web.Request) -> web.Response:
        entered.set()
        await leave.wait()
        events.append("answered")
        return web.Response(text="late")

    listener = Listener.bind("127.0.0.1", 0)
    host, port = listener.socket.getsockname()

    async def on_stop() -> None:
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(host, port)
        events.append("stopping")
        leave.set()

    async with ClientSession() as client:
        async with listening(app_with(handler=slow), listener, on_stop=on_stop) as url:
            request = asyncio.create_task(client.get(url))
            await entered.wait()
        async with await request as response:
            assert await response.text() == "late"
    assert events == ["stopping", "answered"]


HOSTILE = [
    b"\0\1\2\3\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
    b"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    b"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
    b"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 3\r\n\r\nabc",
    b"GET /v4/sessions HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /v4/sessions HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: short\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", HOSTILE, ids=lambda data: repr(data[:40]))
async def test_what_is_no_http_ends_that_connection_only(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with serving() as client:
        async with client.get("/health") as response:
            base = response.url
        assert base.host is not None
        reader, writer = await asyncio.open_connection(base.host, base.port)
        writer.write(request_bytes)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer == b"" or answer.split(b" ")[1].startswith(b"4"), answer[:100]
        assert b"Traceback" not in answer
        async with client.get("/health") as response:
            assert response.status == 200
    assert caplog.records == []
