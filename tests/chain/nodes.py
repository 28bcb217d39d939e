"""A real JSON-RPC server on loopback that misbehaves on purpose."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from aiohttp import ClientSession, web

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.config.urls import EndpointUrl

CHAIN_ID = 31337
Behaviour = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]


class Clock:
    """A clock that only goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Node:
    """One endpoint. results: by method; a value, or a behaviour. asked: the methods, in order.

    batch: what it makes of the answers to a batch. requests: how many came over HTTP.
    """

    results: dict[str, Any] = field(default_factory=dict)
    behaviour: Behaviour | None = None
    batch: Callable[[list[Any]], Any] = lambda answers: answers
    requests: int = 0
    asked: list[str] = field(default_factory=list)
    params: list[Any] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    url: EndpointUrl = field(default_factory=EndpointUrl)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers = dict(request.headers)
        self.requests += 1
        asked = json.loads(await request.read())
        for question in asked if isinstance(asked, list) else [asked]:
            self.asked.append(question["method"])
            self.params.append(question["params"])
        if self.behaviour is not None:
            return await self.behaviour(request, asked)
        if isinstance(asked, list):
            answers = [await self._answer(request, question) for question in asked]
            return web.json_response(self.batch([json.loads(answer.text or "") for answer in answers]))
        return await self._answer(request, asked)

    async def _answer(self, request: web.Request, question: Any) -> web.Response:
        result = self.results.get(question["method"])
        if question["method"] == "eth_chainId" and result is None:
            result = hex(CHAIN_ID)
        if callable(result):
            answered: web.Response = await result(request, question)
            return answered
        return said(question, result=result)


def said(question: Any, status: int = 200, **members: Any) -> web.Response:
    """Make a JSON-RPC answer."""
    return web.json_response({"jsonrpc": "2.0", "id": question["id"], **members}, status=status)


def error(code: int, message: str, status: int = 200, **more: Any) -> Behaviour:
    """Make a behaviour that answers an error of JSON-RPC."""

    async def behave(_request: web.Request, question: Any) -> web.StreamResponse:
        return said(question, status, error={"code": code, "message": message, **more})

    return behave


def plain(body: bytes | str, status: int = 200, **headers: str) -> Behaviour:
    """Make a behaviour that answers these bytes to everything."""
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def behave(_request: web.Request, _question: Any) -> web.StreamResponse:
        return web.Response(body=data, status=status, headers=named)

    return behave


async def silent(_request: web.Request, _question: Any) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def drop(request: web.Request, _question: Any) -> web.StreamResponse:
    """Close the connection without a word."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@dataclass
class Endless:
    """Sends without an end. sent: how many bytes it got rid of."""

    sent: int = 0

    async def __call__(self, request: web.Request, _question: Any) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 2**16)
            self.sent += 2**16


class Scripted(Enum):
    """What a RawNode does other than writing bytes."""

    RIGHT = auto()
    SILENCE = auto()


RIGHT, SILENCE = Scripted.RIGHT, Scripted.SILENCE


@dataclass
class RawNode:
    """An endpoint that writes what it likes: the n-th question of a connection gets the n-th of `script`.

    In a script RIGHT is a right answer, SILENCE waits until the other side has enough, bytes are written as
    they are; at its end the connection is closed. connections, requests: how many there were.
    """

    script: Sequence[bytes | Scripted]
    connections: int = 0
    requests: int = 0
    url: EndpointUrl = field(default_factory=EndpointUrl)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            for written in self.script:
                question = await _read_question(reader)
                self.requests += 1
                if written is Scripted.SILENCE:
                    await reader.read()
                    break
                writer.write(_right_answer(question) if written is Scripted.RIGHT else written)
                await writer.drain()
        writer.close()


async def _read_question(reader: asyncio.StreamReader) -> Any:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))


def _right_answer(question: Any) -> bytes:
    result = hex(CHAIN_ID) if question["method"] == "eth_chainId" else "0x7"
    body = json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@asynccontextmanager
async def running_raw(node: RawNode) -> AsyncIterator[None]:
    """Run such a node; it knows its URL then."""
    server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
    node.url = EndpointUrl(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/KEY")
    async with server:
        yield


@asynccontextmanager
async def running(*nodes: Node) -> AsyncIterator[None]:
    """Run nodes; each knows its URL then, with something in it that must not be shown."""
    runners = []
    for node in nodes:
        app = web.Application()
        app.router.add_post("/KEY", node.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        node.url = EndpointUrl(f"http://127.0.0.1:{runner.addresses[0][1]}/KEY")
    try:
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


@dataclass
class Bench:
    """A chain over nodes, its clock, and the session that it asks with."""

    chain: Chain
    clock: Clock
    http: ClientSession


@asynccontextmanager
async def chain_over(*nodes: Node, timeout_s: float = 5.0) -> AsyncIterator[Bench]:
    """Run nodes and a chain that asks them, in this order, without jitter."""
    clock = Clock()
    async with running(*nodes), open_http() as http:
        urls = [node.url for node in nodes]
        yield Bench(
            Chain(CHAIN_ID, http_endpoints(urls, http, timeout_s=timeout_s), clock=clock, jitter=lambda: 1.0),
            clock,
            http,
        )
