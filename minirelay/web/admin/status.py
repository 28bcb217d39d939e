"""How the relay is now, and how it was over the last day."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.operations.history import STEPS, History
from minirelay.operations.status import Status
from minirelay.web.admin.query import count

NOW: Final = "/v1/now"
HISTORY: Final = "/v1/history"


class StatusApi:
    """`GET /v1/now`; `GET /v1/history?minutes=60`, a day if that is missing."""

    def __init__(self, status: Status, history: History) -> None:
        self._status = status
        self._history = history

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(NOW, self._now), web.get(HISTORY, self._history_of)]

    async def _now(self, _request: web.Request) -> web.Response:
        return web.json_response(await self._status.document())

    async def _history_of(self, request: web.Request) -> web.Response:
        minutes = count(request, "minutes", default=STEPS, most=STEPS)
        return web.json_response(self._history.document(minutes))
