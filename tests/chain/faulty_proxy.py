"""An endpoint in front of a real node, with whatever fault it is given."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from minirelay.config.urls import EndpointUrl
from tests.chain.faults import Asked, Fault, Json, no_fault


@dataclass
class FaultyProxy:
    """Passes questions on to a node. fault: what it does instead; it may be changed at any time.

    url: of this. requests: how many came over HTTP; methods: what they asked for.
    """

    upstream: str
    http: aiohttp.ClientSession
    fault: Fault = no_fault
    url: EndpointUrl = field(default_factory=EndpointUrl)
    requests: int = 0
    methods: list[str] = field(default_factory=list)

    async def ask(self, questions: Sequence[Json]) -> list[Json]:
        """Ask the node, one question after the other."""
        answers = []
        for question in questions:
            async with self.http.post(self.upstream, json=question) as response:
                answers.append(await response.json())
        return answers

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as the fault has it."""
        content = json.loads(await request.read())
        questions = content if isinstance(content, list) else [content]
        self.requests += 1
        self.methods += [question["method"] for question in questions]
        return await self.fault(Asked(request, questions, isinstance(content, list)), self.ask)


@asynccontextmanager
async def faulty_proxies(upstream: str, count: int) -> AsyncIterator[list[FaultyProxy]]:
    """Run endpoints in front of one node."""
    async with aiohttp.ClientSession(trust_env=False) as http:
        proxies = [FaultyProxy(upstream, http) for _ in range(count)]
        runners = []
        try:
            for proxy in proxies:
                app = web.Application()
                app.router.add_post("/KEY", proxy.answer)
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
                runners.append(runner)
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                proxy.url = EndpointUrl(f"http://127.0.0.1:{runner.addresses[0][1]}/KEY")
            yield proxies
        finally:
            for runner in runners:
                await runner.cleanup()
