"""`GET /metrics`: the series of a relay, for Prometheus."""

from collections.abc import Iterable

from aiohttp import web

from minirelay.operations.exposition import CONTENT_TYPE, Exposition
from minirelay.web.admin.gate import METRICS


class MetricsApi:
    """Answers with text."""

    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(METRICS, self._get)]

    async def _get(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._exposition.text(), headers={"Content-Type": CONTENT_TYPE})
