"""A JSON-RPC endpoint that answers whatever it is told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer


class Endpoint:
    """What it answers, and how often it was asked. results: by request; after the last one, body."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        self.results: list[str] = []
        self.asked = 0
        self.url = ""

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.results:
            return web.json_response({"jsonrpc": "2.0", "id": 1, "result": self.results.pop(0)})
        return web.Response(status=self.status, body=self.body)


@asynccontextmanager
async def rpc_endpoint() -> AsyncIterator[Endpoint]:
    """Run one for the length of a block."""
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/", endpoint.answer)
    server = TestServer(app)
    await server.start_server()
    endpoint.url = str(server.make_url("/"))
    yield endpoint
    await server.close()
