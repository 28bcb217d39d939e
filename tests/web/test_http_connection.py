"""Odd requests get an answer of the relay's own shape, also from where no handler of ours is."""

import asyncio
import gc
import json
import logging
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from aiohttp import ClientSession, web

from minirelay.config.quantities import PositiveSeconds
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.web.app import create_app
from minirelay.web.listener import Listener
from tests.relay.house import TIMEOUT_S, until
from tests.web.edge import SETTINGS, Backend, listening

MARK = b"mark-of-this-request"
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
ENROL = b"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\n"

ODD = {
    "no text": (b"\0\1\2" + MARK + b"\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARK, 400),
    "another protocol": (b"SSH-2.0-" + MARK + b"\r\n", 400),
    "no version": (b"GET /" + MARK + b"\r\n\r\n", 404),
    "another version": (b"GET /" + MARK + b" HTTP/9.9\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + MARK, 400),
    "no method": (b"G@T /" + MARK + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "unknown method": (MARK.upper() + b" / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "no host": (b"GET /" + MARK + b" HTTP/1.1\r\n\r\n", 400),
    "two hosts": (HEAD + b"Host: " + MARK + b"\r\n\r\n", 400),
    "long target": (b"GET /" + MARK + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    "long header": (HEAD + b"X-Long: " + MARK + b"a" * 20_000 + b"\r\n\r\n", 431),
    "long name of a header": (HEAD + MARK + b"a" * 20_000 + b": 1\r\n\r\n", 431),
    "large head": (HEAD + (b"X: " + MARK + b"a" * 1000 + b"\r\n") * 20 + b"\r\n", 431),
    "many headers": (HEAD + (MARK + b": b\r\n") * 5000 + b"\r\n", 431),
    "no colon": (HEAD + MARK + b"\r\n\r\n", 400),
    "folded header": (HEAD + b"X: a\r\n " + MARK + b"\r\n\r\n", 400),
    "NUL in a header": (HEAD + b"X: " + MARK + b"\0\r\n\r\n", 400),
    "no port": (b"GET http://x:" + MARK + b"/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "negative length": (ENROL + b"X: " + MARK + b"\r\nContent-Length: -1\r\n\r\n", 400),
    "no length": (ENROL + b"Content-Length: " + MARK + b"\r\n\r\n", 400),
    "two lengths": (ENROL + b"Content-Length: 1\r\nContent-Length: 20\r\n\r\n" + MARK, 400),
    "length and chunks": (
        ENROL + b"Transfer-Encoding: chunked\r\nContent-Length: 20\r\n\r\n" + MARK,
        400,
    ),
    "unknown encoding": (ENROL + b"Transfer-Encoding: " + MARK + b"\r\n\r\n", 400),
    "wrong chunks": (ENROL + b"Transfer-Encoding: chunked\r\n\r\nzz" + MARK + b"\r\n", 400),
    "expectation": (HEAD + b"Expect: " + MARK + b"\r\n\r\n", 417),
    "expectation where nothing is": (
        b"GET /nowhere HTTP/1.1\r\nHost: x\r\nExpect: " + MARK + b"\r\n\r\n",
        417,
    ),
    "expectation that is no text": (
        b"GET /nowhere HTTP/1.1\r\nHost: x\r\nExpect: \xff" + MARK + b"\r\n\r\n",
        400,
    ),
    "old handshake": (HEAD + b"Sec-WebSocket-Key1: " + MARK + b"\r\n\r\n", 400),
    "no handshake": (
        b"GET /v4/sessions HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: " + MARK + b"\r\n\r\n",
        400,
    ),
    "nowhere": (b"GET /" + MARK + b" HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "no path": (b"GET " + MARK + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "connect": (b"CONNECT " + MARK + b":443 HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "trace": (b"TRACE / HTTP/1.1\r\nHost: x\r\nX: " + MARK + b"\r\n\r\n", 405),
}


@asynccontextmanager
async def relay(settings: object = SETTINGS) -> AsyncIterator[Listener]:
    assert isinstance(settings, type(SETTINGS))
    listener = Listener.bind("127.0.0.1", 0)
    async with listening(create_app(settings, Backend().services()), listener, settings=settings):
        yield listener


async def exchange(listener: Listener, request: bytes) -> tuple[bytes, bytes]:
    """Send a request; give the head and the body of the answer."""
    reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
    writer.write(request)
    async with asyncio.timeout(TIMEOUT_S):
        head = await reader.readuntil(b"\r\n\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        body = await reader.readexactly(int(headers[b"content-length"]))
    writer.close()
    return head, body


@pytest.mark.parametrize("kind", ODD)
async def test_odd_requests_are_answered_like_all_others(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    request, status = ODD[kind]
    async with relay() as listener:
        head, body = await exchange(listener, request)
        assert head.split(b" ")[1] == b"%d" % status
        assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in head
        assert b"\r\nServer: minirelay\r\n" in head
        assert b"\r\nContent-Type: application/json" in head
        content = json.loads(body)
        assert content["error"]
        assert content.get("handler") == ("enrollKeyCard" if request.startswith(ENROL) else None)
        assert MARK not in (head + body).lower()
        async with ClientSession(listener.url) as client, client.get("/health") as response:
            assert response.status == 200
    assert caplog.records == []


async def test_what_the_parser_refuses_closes_the_connection() -> None:
    async with relay() as listener:
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        writer.write(HEAD + b"no colon\r\n\r\n")
        assert b" 400 " in await asyncio.wait_for(reader.read(), TIMEOUT_S)
        writer.close()


async def test_a_fault_outside_of_all_handlers_is_logged_and_told_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_request: web.Request) -> None:
        raise RuntimeError("the inside")

    app = web.Application()
    app.router.add_get("/", fail, expect_handler=fail)  # type: ignore[arg-type]
    async with listening(app) as url, ClientSession(url) as client, client.get("/") as response:
        assert response.status == 500
        assert response.headers["Server"] == "minirelay"
        assert "inside" not in await response.text()
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


async def test_a_second_request_that_is_none_is_answered_too() -> None:
    async with relay() as listener:
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"health OK")
        writer.write(b"POST /v4/enroll_key_card HTTP/1.1\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), TIMEOUT_S)
        assert b" 400 " in answer
        assert b'"handler": "enrollKeyCard"' in answer
        writer.close()


async def test_a_stop_closes_what_waits_and_answers_what_is_asked() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        entered.set()
        await leave.wait()
        return web.Response(text="late")

    async def on_stop() -> None:
        for reader in (idle, half):
            assert await asyncio.wait_for(reader.read(), TIMEOUT_S) == b""
        leave.set()

    app = web.Application()
    app.router.add_get("/", slow)
    listener = Listener.bind("127.0.0.1", 0)
    address = listener.socket.getsockname()
    async with listening(app, listener, on_stop=on_stop):
        idle, first = await asyncio.open_connection(*address)
        half, second = await asyncio.open_connection(*address)
        second.write(HEAD)
        busy, third = await asyncio.open_connection(*address)
        third.write(HEAD + b"\r\n")
        await asyncio.wait_for(entered.wait(), TIMEOUT_S)
    answer = await asyncio.wait_for(busy.read(), TIMEOUT_S)
    assert answer.endswith(b"late")
    assert b"Connection: close" in answer
    for writer in (first, second, third):
        writer.close()


async def test_a_stop_cuts_off_what_does_not_end(caplog: pytest.LogCaptureFixture) -> None:
    entered = asyncio.Event()
    ended: list[str] = []

    async def stuck(_request: web.Request) -> web.Response:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("the handler")
        return web.Response()

    app = web.Application()
    app.router.add_get("/", stuck)
    settings = msgspec.structs.replace(SETTINGS, stop_timeout=PositiveSeconds(0.05))
    listener = Listener.bind("127.0.0.1", 0)
    address = listener.socket.getsockname()
    async with listening(app, listener, settings=settings):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(HEAD + b"\r\n")
        await asyncio.wait_for(entered.wait(), TIMEOUT_S)
    assert ended == ["the handler"]
    with suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), TIMEOUT_S) == b""
    writer.close()
    (record,) = caplog.records
    assert record.__dict__["connections"] == 1


async def test_a_connection_closed_behind_its_answer_waits_for_no_body(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served: list[web.RequestHandler] = []

    async def answer(request: web.Request) -> web.Response:
        served.append(request.protocol)
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", answer)
    listener = Listener.bind("127.0.0.1", 0)
    async with listening(app, listener):
        tasks = asyncio.all_tasks()
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await asyncio.wait_for(reader.readuntil(b"done"), TIMEOUT_S)
        # As when it sends on in the moment of a stop.
        served[0].data_received(b"3\r\na b\r\n")
        served[0].force_close()
        await until(lambda: asyncio.all_tasks() <= tasks)
        writer.close()
    assert caplog.records == []


HALF = HEAD + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(12))


@asynccontextmanager
async def remembering(limit_bytes: int) -> AsyncIterator[tuple[Listener, MemoryBudget]]:
    """Serve with such a budget for all clients together."""
    memory, listener = MemoryBudget(limit_bytes), Listener.bind("127.0.0.1", 0)
    async with listening(create_app(SETTINGS, Backend().services()), listener, memory=memory):
        yield listener, memory


async def test_what_a_connection_has_sent_and_what_it_does_not_read_counts_until_it_is_gone() -> None:
    async with remembering(2**27) as (listener, memory):
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        writer.write(HALF)
        await until(lambda: memory.size_bytes > 5 * len(HALF))
        writer.write(b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        # The request stays until the next one comes.
        assert memory.size_bytes > 5 * len(HALF) - 500
        writer.write(HEAD + b"\r\n")
        await until(lambda: 0 < memory.size_bytes < 10_000)
        writer.close()
        await until(lambda: (memory.size_bytes, memory.closing_bytes) == (0, 0))


async def test_a_session_accounts_for_itself() -> None:
    async with remembering(2**27) as (listener, memory):
        reader, writer = await asyncio.open_connection(*listener.socket.getsockname())
        upgrade = HALF.replace(b"GET /", b"GET /v4/sessions") + (
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        writer.write(upgrade)
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: memory.size_bytes == 0)
        writer.close()


async def test_half_requests_beyond_the_budget_cost_those_who_sent_most_their_connections() -> None:
    async with remembering(10 * 6 * len(HALF)) as (listener, memory):
        address = listener.socket.getsockname()
        _, quiet = await asyncio.open_connection(*address)
        quiet.write(HEAD)
        await until(lambda: memory.size_bytes > 0)
        hoarders = []
        for _ in range(40):
            hoarders.append(await asyncio.open_connection(*address))
            hoarders[-1][1].write(HALF)
        await until(lambda: sum(reader.at_eof() for reader, _ in hoarders) >= 25)
        assert memory.size_bytes <= memory.limit_bytes
        quiet.write(b"\r\n")
        quiet_answer = await exchange(listener, HEAD + b"\r\n")
        assert quiet_answer[0].split(b" ")[1] == b"200"
        assert not quiet.is_closing()
        for _, writer in hoarders:
            writer.transport.abort()
        quiet.close()
        await until(lambda: (memory.size_bytes, memory.closing_bytes) == (0, 0))


async def test_a_connection_that_is_gone_is_freed_at_once_with_all_that_it_was_sent() -> None:
    async with remembering(2**27) as (listener, memory):
        gc.collect()
        gc.disable()
        try:
            tracemalloc.start()
            for _ in range(20):
                _, writer = await asyncio.open_connection(*listener.socket.getsockname())
                writer.write((HALF + b"\r\n") * 3 + HALF)
                await until(lambda: memory.size_bytes > 5 * len(HALF))
                writer.transport.abort()
                await until(lambda: (memory.size_bytes, memory.closing_bytes) == (0, 0))
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            gc.enable()
        assert taken < 20 * len(HALF)
