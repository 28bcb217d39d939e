"""The operator's alerts."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.operations.alert_document import describe_alert
from minirelay.operations.operator import Operator

ALERTS: Final = "/v1/alerts"
ACKNOWLEDGE: Final = "/v1/alerts/{id:[0-9]{1,19}}/acknowledge"


class AlertsApi:
    """Lists them, with `?all=1` those that were acknowledged, too; takes note that one was seen to."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(ALERTS, self._list), web.post(ACKNOWLEDGE, self._acknowledge)]

    async def _list(self, request: web.Request) -> web.Response:
        page = await self._operator.alerts(with_acknowledged=request.query.get("all") == "1")
        return web.json_response(
            {"alerts": [describe_alert(alert) for alert in page.alerts], "total": page.total}
        )

    async def _acknowledge(self, request: web.Request) -> web.Response:
        alert = await self._operator.acknowledge(int(request.match_info["id"]))
        return web.json_response(describe_alert(alert))
