"""The operator's decisions about payment requests."""

from collections.abc import Iterable
from typing import Final

import msgspec
from aiohttp import web

from minirelay.errors import MalformedInput
from minirelay.operations.payment_decisions import PaymentDecisions
from minirelay.operations.payment_views import MOST_LISTED, PaymentViews
from minirelay.shop.issued_requests import RequestState
from minirelay.web.admin.callers import caller_of
from minirelay.web.admin.json_body import read_object, text
from minirelay.web.admin.query import count, number

REQUEST: Final = "{request:(?:0x)?[0-9A-Fa-f]{1,64}}"
"""A payment request in a path: its id, or the first digits of it."""

MOST_REASON: Final = 500
PAYMENTS: Final = "/v1/payments"
PAYMENT: Final = f"/v1/payments/{REQUEST}"
USUAL: Final = 50
DECIDE: Final = f"/v1/payments/{REQUEST}/{{decision:accept|dismiss}}"


class PaymentsApi:
    """Lists them; accepts and dismisses: `{"reason": "..."}`, which may be missing."""

    def __init__(self, decisions: PaymentDecisions, views: PaymentViews) -> None:
        self._decisions = decisions
        self._views = views

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [
            web.get(PAYMENTS, self._list),
            web.get(PAYMENT, self._one),
            web.post(DECIDE, self._decide),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        page = await self._views.page(
            shop_id=number(request, "shop", bits=256),
            order_id=number(request, "order", bits=64),
            states=_states(request),
            before=number(request, "before", bits=63),
            most=count(request, "limit", default=USUAL, most=MOST_LISTED),
            is_whole=request.query.get("all") == "1" or "state" in request.query,
        )
        return web.json_response(msgspec.structs.asdict(page))

    async def _one(self, request: web.Request) -> web.Response:
        return web.json_response(await self._views.one(request.match_info["request"]))

    async def _decide(self, request: web.Request) -> web.Response:
        named, decision = request.match_info["request"], request.match_info["decision"]
        reason = text(await read_object(request), "reason", MOST_REASON)
        made = await self._decisions.decide(named, decision, caller_of(request), reason)
        return web.json_response(made)


def _states(request: web.Request) -> frozenset[RequestState] | None:
    """Read `?state=late&state=over`. Raises MalformedInput."""
    try:
        return frozenset(RequestState(one) for one in request.query.getall("state", [])) or None
    except ValueError as error:
        known = ", ".join(one.value for one in RequestState)
        raise MalformedInput(f"state: one of {known} is wanted") from error
