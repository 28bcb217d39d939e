"""`GET /`: what this is, as a page for browsers and as JSON for everything else (spec 08)."""

from collections.abc import Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Final

import msgspec
from aiohttp import web

from minirelay import __version__
from minirelay.config.settings import Settings
from minirelay.protocol.ids import show_token
from minirelay.protocol.paths import SESSIONS_PATH

NETWORK_VERSIONS: Final = (4,)
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
}


class InfoEndpoint:
    """Says what runs here."""

    def __init__(self, settings: Settings, relay_token: int) -> None:
        token = show_token(relay_token)
        chains = sorted({settings.registry_chain, *settings.chains})
        self._document = {
            "software": "minirelay",
            "version": __version__,
            "network_versions": NETWORK_VERSIONS,
            "relay_token_id": token,
            "registry_chain_id": settings.registry_chain,
            "chains": chains,
            "limits": msgspec.structs.asdict(settings.limits),
        }
        self._page = _render(settings, token, chains)

    async def get(self, request: web.Request) -> web.Response:
        """Answer with the page if the client asks for HTML, else with the document."""
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(text=self._page, content_type="text/html", headers=_PAGE_HEADERS)
        return web.json_response(self._document, headers={"Vary": "Accept"})


def _render(settings: Settings, token: str, chains: Sequence[int]) -> str:
    template = (resources.files("minirelay.web") / "info.html").read_text("utf-8")
    values = {
        "host": settings.base_url.host if settings.base_url else "this computer",
        "sessions_url": sessions_url(settings),
        "version": __version__,
        "token": token,
        "registry_chain": str(settings.registry_chain),
        "chains": ", ".join(str(chain) for chain in chains),
        "mode": "Development mode: nothing here is worth anything." if settings.development else "",
    }
    return Template(template).substitute({name: escape(value) for name, value in values.items()})


def sessions_url(settings: Settings) -> str:
    """Return the URL of the WebSocket."""
    base = settings.base_url or f"http://{settings.listen_host}:{settings.listen_port}"
    return f"ws{base.removeprefix('http')}{SESSIONS_PATH}"
