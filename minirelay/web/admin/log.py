"""The latest lines of the log."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.errors import MalformedInput
from minirelay.operations.log_ring import LEVELS, LogRing
from minirelay.web.admin.query import count

LOG: Final = "/v1/log"
MOST_LISTED: Final = 1000
MOST_WORDS: Final = 100
USUAL: Final = 200


class LogApi:
    """`GET /v1/log?level=warning&words=backup&limit=200`: `{"lines": [...]}`, the newest first."""

    def __init__(self, ring: LogRing) -> None:
        self._ring = ring

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(LOG, self._list)]

    async def _list(self, request: web.Request) -> web.Response:
        level = request.query.get("level") or None
        if level is not None and level not in LEVELS:
            raise MalformedInput(f"level: one of {', '.join(LEVELS)} is wanted")
        lines = self._ring.latest(
            most=count(request, "limit", default=USUAL, most=MOST_LISTED),
            level=level,
            words=request.query.get("words", "")[:MOST_WORDS],
        )
        return web.json_response({"lines": lines})
