"""A stand-in for CoinGecko on loopback, which answers as that does, or as it is told."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from minirelay.config.urls import EndpointUrl

NOW = 1_800_000_000
TOKEN, OTHER = b"\x70" * 20, b"\x71" * 20

PLATFORMS = [
    {"id": "ethereum", "chain_identifier": 1, "name": "Ethereum", "native_coin_id": "ethereum"},
    {"id": "arbitrum-one", "chain_identifier": 42161, "name": "Arbitrum", "native_coin_id": "ethereum"},
    {"id": "polygon-pos", "chain_identifier": 137, "name": "Polygon", "native_coin_id": "polygon-ecosystem"},
    {"id": "tokenless", "chain_identifier": 5, "name": "Odd", "native_coin_id": None},
    {"id": "solana", "chain_identifier": None, "name": "Solana", "native_coin_id": "solana"},
]


@dataclass
class PriceServer:
    """prices: JSON text of a price by coin id, or by token address as 0x hex. updated_at: of all of them.

    behaviour: what it answers instead, by path. asked: path, query and headers of each request.
    """

    prices: dict[str, str] = field(default_factory=dict)
    updated_at: str = str(NOW)
    platforms: object = field(default_factory=lambda: PLATFORMS)
    behaviour: Callable[[str], web.StreamResponse | None] = lambda path: None
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    url: EndpointUrl = field(default_factory=EndpointUrl)

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path, query = request.path.removeprefix("/api/v3/"), dict(request.query)
        self.asked.append((path, query, dict(request.headers)))
        other = self.behaviour(path)
        if other is not None:
            return other
        if path == "asset_platforms":
            return web.json_response(self.platforms)
        named = query.get("ids") or query["contract_addresses"]
        entries = [
            f'"{name}":{{"usd":{self.prices[name]},"last_updated_at":{self.updated_at}}}'
            for name in named.split(",")
            if name in self.prices
        ]
        return said("{" + ",".join(entries) + "}")


def said(text: str, status: int = 200, **headers: str) -> web.Response:
    """Make an answer of this text."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(text=text, status=status, content_type="application/json", headers=named)


@asynccontextmanager
async def running(server: PriceServer) -> AsyncIterator[PriceServer]:
    """Serve on any free port while the block runs."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        server.url = EndpointUrl(f"http://127.0.0.1:{port}/api/v3")
        yield server
    finally:
        await runner.cleanup()


def token(address: bytes) -> str:
    return "0x" + address.hex()


def written(value: object) -> str:
    return json.dumps(value)
