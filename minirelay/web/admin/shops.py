"""Shops and what is in them."""

from collections.abc import Iterable
from typing import Final

import msgspec
from aiohttp import web

from minirelay.errors import MalformedInput
from minirelay.operations.shop_documents import Page
from minirelay.operations.shop_views import MOST_SETS, ShopViews
from minirelay.shop.order_states import OrderState
from minirelay.web.admin.callers import caller_of
from minirelay.web.admin.query import bounded, count, number

SHOPS: Final = "/v1/shops"
SHOP: Final = "/v1/shops/{shop:[0-9]{1,78}}"
LISTINGS: Final = f"{SHOP}/listings"
TAGS: Final = f"{SHOP}/tags"
ORDERS: Final = f"{SHOP}/orders"
ADDRESSES: Final = f"{SHOP}/orders/{{order:[0-9]{{1,20}}}}/addresses"
LOG: Final = f"{SHOP}/log"

MOST_LISTED: Final = 100
USUAL: Final = 20
_FAR: Final = 10**9


class ShopsApi:
    """Pages of them: `?offset=0&limit=20`, `{"items": [...], "total": 1}`; see docs/admin-api.md."""

    def __init__(self, views: ShopViews) -> None:
        self._views = views

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [
            web.get(SHOPS, self._list),
            web.get(SHOP, self._one),
            web.get(LISTINGS, self._listings),
            web.get(TAGS, self._tags),
            web.get(ORDERS, self._orders),
            web.post(ADDRESSES, self._addresses),
            web.get(LOG, self._log),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        return _page(await self._views.page(*_part(request)))

    async def _one(self, request: web.Request) -> web.Response:
        return web.json_response(await self._views.one(_shop(request)))

    async def _listings(self, request: web.Request) -> web.Response:
        return _page(await self._views.listings(_shop(request), *_part(request)))

    async def _tags(self, request: web.Request) -> web.Response:
        return _page(await self._views.tags(_shop(request), *_part(request)))

    async def _orders(self, request: web.Request) -> web.Response:
        return _page(await self._views.orders(_shop(request), _state(request), *_part(request)))

    async def _addresses(self, request: web.Request) -> web.Response:
        order = bounded(request.match_info["order"], "order", 64)
        return web.json_response(await self._views.addresses(_shop(request), order, caller_of(request)))

    async def _log(self, request: web.Request) -> web.Response:
        before = number(request, "before", bits=63)
        limit = count(request, "limit", default=USUAL, most=MOST_SETS)
        return web.json_response({"sets": await self._views.log(_shop(request), before, limit)})


def _shop(request: web.Request) -> int:
    return bounded(request.match_info["shop"], "shop", 256)


def _part(request: web.Request) -> tuple[int, int]:
    return (
        count(request, "offset", default=0, most=_FAR),
        count(request, "limit", default=USUAL, most=MOST_LISTED),
    )


def _state(request: web.Request) -> OrderState | None:
    given = request.query.get("state", "")
    if not given:
        return None
    try:
        return OrderState[given.upper()]
    except KeyError as error:
        known = ", ".join(one.name.lower() for one in OrderState)
        raise MalformedInput(f"state: one of {known} is wanted") from error


def _page(page: Page) -> web.Response:
    return web.json_response(msgspec.structs.asdict(page))
