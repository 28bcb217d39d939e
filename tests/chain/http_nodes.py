"""Nodes of a chain in memory behind real sockets, with what only HTTP can do wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from aiohttp import web

from minirelay.protocol.json_rpc import Answer, Request, RpcError
from tests.chain.model_node import ModelNode
from tests.chain.nodes import Node, running

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]

HUGE_BYTES = 100 * 2**20
PIECE = b"[" + b" " * (2**16 - 1)


async def send_huge_body(request: web.Request) -> web.StreamResponse:
    """Send 100 MB, as fast as they are taken."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for _ in range(HUGE_BYTES // len(PIECE)):
        await response.write(PIECE)
    return response


async def hang(_request: web.Request) -> web.StreamResponse:
    """Say nothing."""
    await asyncio.Event().wait()
    raise AssertionError


async def limit_rate(_request: web.Request) -> web.StreamResponse:
    """Want to be left alone for a while."""
    return web.Response(status=429, headers={"Retry-After": "7"})


async def send_page(_request: web.Request) -> web.StreamResponse:
    """Answer with a page for people."""
    return web.Response(text="<html>502 Bad Gateway</html>", status=502, content_type="text/html")


async def disconnect(request: web.Request) -> web.StreamResponse:
    """Close the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


FAULTS: Sequence[Fault] = (send_huge_body, hang, limit_rate, send_page, disconnect)


class HttpNode:
    """A node behind a socket. fault: what it does instead of answering. served: by what it did."""

    def __init__(self, node: ModelNode, random: Random) -> None:
        self.node = node
        self.fault: Fault | None = None
        self.served: dict[str, int] = {}
        self.http = Node(behaviour=self._behave)
        self._random = random

    async def _behave(self, request: web.Request, asked: Any) -> web.StreamResponse:
        fault = self.fault
        name = "answer" if fault is None else fault.__name__
        self.served[name] = self.served.get(name, 0) + 1
        if fault is not None:
            return await fault(request)
        if isinstance(asked, dict):
            return web.json_response(self._answer(asked))
        answers = [self._answer(question) for question in asked]
        self._random.shuffle(answers)
        return web.json_response(answers)

    def _answer(self, question: Any) -> dict[str, object]:
        answer = self.node.answer(Request(question["method"], question["params"]))
        return {"jsonrpc": "2.0", "id": question["id"], **_members(answer)}


def _members(answer: Answer) -> dict[str, object]:
    if isinstance(answer, RpcError):
        return {"error": {"code": answer.code, "message": answer.message}}
    return {"result": answer.value}


@asynccontextmanager
async def served(nodes: Sequence[ModelNode], random: Random) -> AsyncIterator[list[HttpNode]]:
    """Serve nodes; each knows its URL then."""
    served_nodes = [HttpNode(node, random) for node in nodes]
    async with running(*(one.http for one in served_nodes)):
        yield served_nodes
