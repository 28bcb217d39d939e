"""What every answer says: any origin may read it (spec 08, "CORS"), and not what the relay is made of."""

from typing import Final

from aiohttp import web

ALWAYS: Final = {
    # Neither the version nor the libraries' names: they help nobody but whoever looks for a hole.
    "Server": "minirelay",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Range, Content-Length, ETag, Retry-After",
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Range, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


async def say_always(_request: web.Request, response: web.StreamResponse) -> None:
    """Let any page read this response (a signal handler: before every response's headers are sent)."""
    response.headers.update(ALWAYS)


def answer_preflight() -> web.Response:
    """Answer what browsers ask before they send the request itself."""
    return web.Response(status=204, headers=_PREFLIGHT)
