"""The operator's page: files of this package, and nothing from elsewhere (spec 09)."""

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import web

from minirelay.web.blobs import has_it

PAGE: Final = "/"
STATIC: Final = "/static/{name}"
PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # Texts never become markup, also by a mistake of ours.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_INDEX: Final = "index.html"
_VISITOR: Final = "visitor.html"
_NOT_LOGGED_IN: Final = "<p>You are not logged in.</p>"
_LINK_USED: Final = "<p><strong>This link was used, or is too old.</strong> Get another one:</p>"
_FOR_PROGRAMS: Final = ("/v1/", "/static/", "/ipfs/")
_NOTHING_HERE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>minirelay: nothing is here</title>
<main><h1>Nothing is here</h1><p>The relay has no page of this name.
<a href="/">Go to the operator's page</a></p></main>
</html>
"""
_PURPOSE: Final = 'data-development="no"'


class PageApi:
    """Gives the page at `/`, and what it consists of at `/static/`: a fixed list of files."""

    def __init__(self, *, is_development: bool) -> None:
        """is_development: the page is also the shop developer's window."""
        read = {one.name: one.read_bytes() for one in _folder().iterdir() if _type_of(one.name)}
        page = read.pop(_INDEX)
        del read[_VISITOR]
        if is_development:
            page = page.replace(_PURPOSE.encode(), b'data-development="yes"')
        self._page = page
        self._files = read

    @property
    def names(self) -> frozenset[str]:
        """The files below `/static/`."""
        return frozenset(self._files)

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(PAGE, self._show), web.get(STATIC, self._give)]

    async def _show(self, request: web.Request) -> web.Response:
        return _answer(request, self._page, _TYPES["html"])

    async def _give(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        content = self._files.get(name)
        if content is None:
            raise web.HTTPNotFound
        return _answer(request, content, _type_of(name))


def visitor_page(status: int, *, is_link_used: bool = False) -> web.Response:
    """Make what a browser shows to people who are not logged in: how to.

    is_link_used: they tried with a link that works no more.
    """
    text = (_folder() / _VISITOR).read_text("utf-8")
    if is_link_used:
        text = text.replace(_NOT_LOGGED_IN, _LINK_USED)
    return web.Response(status=status, text=text, content_type=_TYPES["html"])


def missing_page() -> web.Response:
    """Make what a browser shows where nothing is."""
    return web.Response(status=404, text=_NOTHING_HERE, content_type=_TYPES["html"])


def is_for_people(request: web.Request) -> bool:
    """Return whether a person opened a path that may be a page's, and no file or answer of the API's."""
    return request.method == "GET" and wants_page(request) and not request.path.startswith(_FOR_PROGRAMS)


def wants_page(request: web.Request) -> bool:
    """Return whether a person opens something in a browser, who is not served with JSON."""
    return "text/html" in request.headers.get("Accept", "")


def _folder() -> Traversable:
    return files("minirelay.web.admin") / "static"


def _type_of(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2], "")


def _answer(request: web.Request, content: bytes, content_type: str) -> web.Response:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY, "ETag": etag}
    if has_it(request, etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=content, headers=headers, content_type=content_type, charset="utf-8")
