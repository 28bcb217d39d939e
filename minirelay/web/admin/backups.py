"""The operator's backups."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.operations.backup_views import BackupViews

BACKUPS: Final = "/v1/backups"


class BackupsApi:
    """Lists them; begins to make one (202)."""

    def __init__(self, views: BackupViews) -> None:
        self._views = views

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(BACKUPS, self._list), web.post(BACKUPS, self._start)]

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response(await self._views.document())

    async def _start(self, _request: web.Request) -> web.Response:
        self._views.start()
        return web.json_response({"is_running": True}, status=202)
