"""The market's prices, and accepting one that is held back (spec 07 "Prices")."""

import logging
from collections.abc import Mapping

from minirelay.errors import MalformedInput
from minirelay.operations.operator import OperatorError
from minirelay.payments.market_rates import MarketRates
from minirelay.payments.price_guard import GuardedPrice
from minirelay.payments.price_text import read_place, read_price, show_place, show_price
from minirelay.shop.issued_requests import Place

log = logging.getLogger(__name__)

PriceDocument = Mapping[str, str | None]


class UnknownPrice(OperatorError):
    """No such price is held back."""


class Prices:
    """What the operator sees of prices, and says about them."""

    def __init__(self, market: MarketRates | None) -> None:
        """market: None if rates are not those of the market."""
        self._market = market

    def list(self) -> list[PriceDocument]:
        """List the currencies in use, those with a price that is held back first. Raises OperatorError."""
        guards = self._known().guards()
        places = sorted(guards, key=lambda place: (guards[place].candidate is None, place))
        return [_describe(place, guards[place]) for place in places]

    async def accept(self, currency: str, price: str, who: str) -> PriceDocument:
        """Let a price be used that is held back.

        currency: as `list` names it. price: as the operator saw it, in dollars: what is held back must be
        near it. who: a user of the system. Raises MalformedInput, UnknownPrice, OperatorError.
        """
        place, near = read_place(currency), read_price(price)
        if near is None:
            raise MalformedInput("a price is a number of dollars above 0, like 3000 or 0.25")
        accepted = await self._known().accept(place, near)
        if accepted is None:
            raise UnknownPrice(
                f"no price near {price} dollars is held back for {currency}; "
                "`minirelay prices` lists those that are"
            )
        log.info(
            "the operator accepted a price",
            extra={"currency": show_place(place), "price": show_price(accepted), "by": who},
        )
        return _describe(place, GuardedPrice(accepted))

    def _known(self) -> MarketRates:
        if self._market is None:
            raise OperatorError("rates are not those of the market; see prices.source")
        return self._market


def _describe(place: Place, guard: GuardedPrice) -> PriceDocument:
    held = guard.candidate
    return {
        "currency": show_place(place),
        "price": show_price(guard.accepted),
        "held_back": None if held is None else show_price(held.price),
    }
