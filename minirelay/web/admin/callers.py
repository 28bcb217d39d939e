"""Who asks: a user of the system at the other end of the socket, or whoever has logged in."""

from typing import Final

from aiohttp import web

from minirelay.web.admin_socket import user_of

_CALLER: Final = web.RequestKey("caller", str)
LOGGED_IN: Final = "operator's page"
WITH_TOKEN: Final = "admin token"  # noqa: S105 (what such a caller is called)


def note_caller(request: web.Request, who: str) -> None:
    """Note who was let in."""
    request[_CALLER] = who


def caller_of(request: web.Request) -> str:
    """Name who makes a request, for what is written down about it."""
    return request.get(_CALLER) or user_of(request.transport)
