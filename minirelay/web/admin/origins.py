"""Whose page a request comes from: only our own may ask the operator's listener (DNS rebinding, CSRF)."""

from typing import Final

from aiohttp import web
from yarl import URL

from minirelay.web.client_address import is_loopback

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""What a browser calls this machine, also at the near end of a tunnel (`ssh -L`), whatever its port."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_OF_PROXIES: Final = (
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "Forwarded",
    "X-Real-IP",
    "Via",
)
_FROM_ELSEWHERE: Final = frozenset({"cross-site", "same-site"})


def is_own_host(request: web.Request, configured: str) -> bool:
    """Return whether a request's Host is what is listened on.

    configured: the host of `admin_listen`. Names that others could let point here are not among them: those
    of this machine are, the configured one, and the address that the connection came to.
    """
    host = _host(request.host)
    return host is not None and host in LOCAL_NAMES | {configured.lower(), _reached(request)}


def comes_from_elsewhere(request: web.Request) -> bool:
    """Return whether another site's page makes this request; following a link to a page is no such thing."""
    site = request.headers.get("Sec-Fetch-Site", "")
    if site in _FROM_ELSEWHERE and not _opens_page(request):
        return True
    origin = request.headers.get("Origin")
    return origin is not None and origin.partition("://")[2].lower() != request.host.lower()


def is_same_origin(request: web.Request) -> bool:
    """Return whether a browser says that a page of our own makes this request."""
    if comes_from_elsewhere(request):
        return False
    return request.headers.get("Sec-Fetch-Site") == "same-origin" or "Origin" in request.headers


def _opens_page(request: web.Request) -> bool:
    is_page = not request.path.startswith(("/v1/", "/metrics"))
    # In a frame of another page it is not the user who opens it.
    is_opened = request.headers.get("Sec-Fetch-Mode") == "navigate"
    is_opened = is_opened and request.headers.get("Sec-Fetch-Dest", "document") == "document"
    return is_page and request.method in SAFE_METHODS and is_opened


def _host(authority: str) -> str | None:
    try:
        return (URL.build(scheme="http", authority=authority).host or "").lower() or None
    except ValueError:
        return None


def _reached(request: web.Request) -> str:
    address = None if request.transport is None else request.transport.get_extra_info("sockname")
    host = str(address[0]) if isinstance(address, tuple) else ""
    return host.removeprefix("::ffff:").partition("%")[0]


def is_from_this_machine(request: web.Request) -> bool:
    """Return whether a request was made on this machine, and not only passed on by a proxy here."""
    return is_loopback(request.remote) and not any(name in request.headers for name in _OF_PROXIES)
