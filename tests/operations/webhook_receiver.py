"""A receiver of the webhook on loopback, which verifies what comes and answers as it is told."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from minirelay.config.urls import EndpointUrl

SECRET = b"a-secret-of-the-tests-not-of-anybody"
PATIENCE_S = 20

Behaviour = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


async def take(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
    """Take whatever comes."""
    return web.Response(status=204)


def answering(status: int, **headers: str) -> Behaviour:
    """Answer all with a status."""

    async def answer(request: web.Request, event: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return answer


@dataclass
class Receiver:
    """taken: events that were answered 2xx, in their order; tried: all that came, with their bodies.

    at: the times that were signed. most_at_once: of requests that were here at a time.
    """

    behaviour: Behaviour = take
    url: EndpointUrl = field(default_factory=EndpointUrl)
    taken: list[dict[str, Any]] = field(default_factory=list)
    tried: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    here: int = 0
    most_at_once: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.here += 1
        self.most_at_once = max(self.here, self.most_at_once)
        try:
            return await self._answer(request)
        finally:
            self.here -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.paths.append(request.path)
        self.at.append(verified(request.headers["Minirelay-Signature"], body))
        event = json.loads(body)
        self.tried.append(event)
        self.bodies.append(body)
        await self._tell()
        response = await self.behaviour(request, event)
        if 200 <= response.status < 300:
            self.taken.append(event)
            await self._tell()
        return response

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, holds: Callable[["Receiver"], bool]) -> None:
        """Wait until something holds; looked at whenever something comes or is taken."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: holds(self))

    def ids(self) -> list[str]:
        """The ids of what was taken."""
        return [event["id"] for event in self.taken]

    def types(self) -> list[str]:
        return [event["type"] for event in self.taken]


def verified(header: str, body: bytes) -> int:
    """Check a signature by another way than the relay makes it; return the time that was signed."""
    time, signature = (part.partition("=")[2] for part in header.split(","))
    expected = hmac.new(SECRET, time.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert signature == expected
    return int(time)


@asynccontextmanager
async def receiver(behaviour: Behaviour = take, port: int = 0) -> AsyncIterator[Receiver]:
    """Listen while the block runs."""
    receiver = Receiver(behaviour)
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.answer)
    app.router.add_get("/{tail:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        found = runner.addresses[0][1]
        receiver.url = EndpointUrl(f"http://127.0.0.1:{found}/a-key-in-the-path")
        yield receiver
    finally:
        await runner.cleanup()
