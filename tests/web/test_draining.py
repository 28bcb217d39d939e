"""What still comes behind an answer: read and dropped, but not for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from minirelay.web import http_connection
from minirelay.web.draining import Drain
from tests.web.edge import listening

SENT = 4_000_000


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what is read behind every answer, for two seconds, whether or not there is a drain."""
    monkeypatch.setattr(http_connection, "LINGERING_S", 0.0)


@asynccontextmanager
async def refusing(drain: Drain) -> AsyncIterator[tuple[str, int]]:
    """Serve something that refuses everything; gives its address."""

    async def refuse(request: web.Request) -> web.Response:
        return await drain.answer(request, web.Response(status=413, text="no"))

    app = web.Application()
    app.router.add_post("/", refuse)
    async with listening(app) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


async def send(address: tuple[str, int], size: int, *, said: int) -> bytes:
    """Send a request whose client reads nothing before it has sent all; return what it reads then."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % said)
    try:
        for _ in range(size // 50_000):
            writer.write(bytes(50_000))
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()


async def test_the_answer_arrives_behind_all_that_was_sent() -> None:
    async with refusing(Drain(2, 2 * SENT)) as address:
        answer = await send(address, SENT, said=SENT)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer
    assert answer.endswith(b"no")


@pytest.mark.parametrize(
    "drain", [Drain(0, 2 * SENT), Drain(2, 100_000), Drain(2, 100 * SENT, timeout_s=0.1)]
)
async def test_it_is_bounded_in_clients_bytes_and_time(drain: Drain) -> None:
    async with refusing(drain) as address, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (100 * SENT))
        writer.write(bytes(200_000))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        with suppress(ConnectionResetError):
            while await reader.read(1000):
                pass
        writer.close()


async def test_a_place_is_given_back_whatever_becomes_of_the_client() -> None:
    drain = Drain(1, 2 * SENT)
    async with refusing(drain) as address:
        _, gone = await asyncio.open_connection(*address)
        gone.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        await gone.drain()
        gone.transport.abort()
        for _ in range(3):
            assert (await send(address, SENT, said=SENT)).startswith(b"HTTP/1.1 413 ")


async def test_who_goes_on_sending_keeps_no_stop_waiting(caplog: pytest.LogCaptureFixture) -> None:
    async with refusing(Drain(2, 100 * SENT)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\nx")
        assert (await reader.readuntil(b"no")).startswith(b"HTTP/1.1 413 ")
    assert await reader.read() == b""
    writer.close()
    assert "cut off" not in caplog.text


async def test_a_client_that_has_gone_is_no_failure() -> None:
    outcomes: list[web.StreamResponse] = []
    reached, gone = asyncio.Event(), asyncio.Event()
    drain = Drain(1, SENT)

    async def refuse(request: web.Request) -> web.Response:
        reached.set()
        await gone.wait()
        assert request.transport is not None
        request.transport.abort()
        outcomes.append(await drain.answer(request, web.Response(status=413, text="no")))
        return web.Response()

    app = web.Application()
    app.router.add_post("/", refuse)
    async with listening(app) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        await reached.wait()
        gone.set()
        async with asyncio.timeout(10):
            while not outcomes:  # noqa: ASYNC110 (it is in a handler)
                await asyncio.sleep(0.01)
        writer.close()
    assert outcomes[0].status == 413
