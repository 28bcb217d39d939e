"""Cross-origin requests: any origin, on every endpoint, in errors too (spec 08, "CORS")."""

from typing import Final

from aiohttp import web

_ALWAYS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Range, Content-Length, ETag, Retry-After",
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Range, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


async def allow_any_origin(_request: web.Request, response: web.StreamResponse) -> None:
    """Let any page read this response (a signal handler: before every response's headers are sent)."""
    response.headers.update(_ALWAYS)


def answer_preflight() -> web.Response:
    """Answer what browsers ask before they send the request itself."""
    return web.Response(status=204, headers=_PREFLIGHT)
