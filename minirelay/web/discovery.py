"""`GET /testing/discovery`: what a client under development needs to know (spec 08)."""

from aiohttp import web

from minirelay.protocol.ids import show_token


class DiscoveryEndpoint:
    """Tells the relay's token and chain; there in development mode only."""

    def __init__(self, relay_token: int, registry_chain: int) -> None:
        self._content = {
            "status": "ok",
            "relay_token_id": show_token(relay_token),
            "chain_id": registry_chain,
        }

    async def get(self, _request: web.Request) -> web.Response:
        """Answer with the JSON."""
        return web.json_response(self._content)
