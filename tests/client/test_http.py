from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from minirelay.client.errors import RelayUnreachable
from minirelay.client.http import asking, read_body, read_json

Serve = Callable[[bytes], web.Response]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def served(body: bytes) -> TestServer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/", answer)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_a_body_is_read_to_its_end(http: aiohttp.ClientSession) -> None:
    body = bytes(300_000)
    server = await served(body)
    async with http.get(server.make_url("/")) as response:
        assert await read_body(response, len(body)) == body
    await server.close()


async def test_a_body_that_is_too_long_is_not(http: aiohttp.ClientSession) -> None:
    server = await served(bytes(300_001))
    async with http.get(server.make_url("/")) as response:
        with pytest.raises(ValueError, match="longer than 300000"):
            await read_body(response, 300_000)
    await server.close()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 16_000, b"[" * 100_000])
async def test_what_is_no_json_makes_the_relay_unreachable(http: aiohttp.ClientSession, body: bytes) -> None:
    server = await served(body)
    with pytest.raises(RelayUnreachable, match="no usable answer"):
        async with asking(server.make_url("/")), http.get(server.make_url("/")) as response:
            await read_json(response)
    await server.close()


async def test_nobody_there_makes_the_relay_unreachable(http: aiohttp.ClientSession) -> None:
    url = URL("http://127.0.0.1:1/")
    with pytest.raises(RelayUnreachable, match=r"127\.0\.0\.1:1"):
        async with asking(url), http.get(url):
            pass
