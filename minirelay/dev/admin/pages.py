"""The shop developer's window: files that a browser makes a page of, and that ask the API."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from aiohttp import web

WINDOW: Final = "/dev"
STATIC: Final = Path(__file__).parent / "static"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""No script but our own files' runs, no text becomes markup, and nothing is asked elsewhere (spec 09)."""

_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


class DevPages:
    """Gives out the files, of which there are few and small ones."""

    def __init__(self) -> None:
        self._files = {f"{WINDOW}/{one.name}": one for one in sorted(STATIC.iterdir())}
        self._files[WINDOW] = self._files.pop(f"{WINDOW}/dev.html")

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(path, self._give) for path in self._files]

    async def _give(self, request: web.Request) -> web.Response:
        file = self._files[request.path]
        return web.Response(
            text=file.read_text(encoding="utf-8"),
            content_type=_TYPES[file.suffix],
            charset="utf-8",
            headers={"Content-Security-Policy": POLICY},
        )
