"""The market's prices, for the operator."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.operations.prices import Prices
from minirelay.payments.price_text import MOST_CHARACTERS
from minirelay.web.admin.callers import caller_of
from minirelay.web.admin.json_body import read_object, text

PRICES: Final = "/v1/prices"
ACCEPT: Final = "/v1/prices/accept"


class PricesApi:
    """Lists them; accepts one that is held back: `{"currency": "1/coin", "price": "3000"}`."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(PRICES, self._list), web.post(ACCEPT, self._accept)]

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"prices": self._prices.list()})

    async def _accept(self, request: web.Request) -> web.Response:
        content = await read_object(request)
        currency = text(content, "currency", MOST_CHARACTERS)
        price = text(content, "price", MOST_CHARACTERS)
        return web.json_response(await self._prices.accept(currency, price, caller_of(request)))
