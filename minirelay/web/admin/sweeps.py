"""The operator's sweeps."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.operations.sweeps import Sweeps
from minirelay.web.admin.json_body import number, read_object
from minirelay.web.admin.payments import REQUEST

UNSWEPT: Final = "/v1/payments/unswept"
SWEEP: Final = f"/v1/payments/{REQUEST}/sweep"


class SweepsApi:
    """Lists what lies unswept: `{"chain_id": 1}`, of all chains if that is missing; and sweeps.

    A sweep is of the request's own chain, unless `{"chain_id": 1}` names another one.
    """

    def __init__(self, sweeps: Sweeps) -> None:
        self._sweeps = sweeps

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.post(UNSWEPT, self._list_unswept), web.post(SWEEP, self._sweep)]

    async def _list_unswept(self, request: web.Request) -> web.Response:
        chain_id = number(await read_object(request), "chain_id")
        return web.json_response(await self._sweeps.unswept(chain_id))

    async def _sweep(self, request: web.Request) -> web.Response:
        chain_id = number(await read_object(request), "chain_id")
        return web.json_response(await self._sweeps.sweep(request.match_info["request"], chain_id))
