"""The operator's decisions about payment requests."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.operations.payment_decisions import PaymentDecisions
from minirelay.web.admin.callers import caller_of
from minirelay.web.admin.json_body import read_object, text

REQUEST: Final = "{request:(?:0x)?[0-9A-Fa-f]{1,64}}"
"""A payment request in a path: its id, or the first digits of it."""

MOST_REASON: Final = 500
DECIDE: Final = f"/v1/payments/{REQUEST}/{{decision:accept|dismiss}}"


class PaymentsApi:
    """Accepts and dismisses: `{"reason": "..."}`, which may be missing."""

    def __init__(self, decisions: PaymentDecisions) -> None:
        self._decisions = decisions

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.post(DECIDE, self._decide)]

    async def _decide(self, request: web.Request) -> web.Response:
        named, decision = request.match_info["request"], request.match_info["decision"]
        reason = text(await read_object(request), "reason", MOST_REASON)
        made = await self._decisions.decide(named, decision, caller_of(request), reason)
        return web.json_response(made)
