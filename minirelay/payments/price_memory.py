"""Accepted prices, remembered over restarts, and the alert when one is far from it (spec 07 "Prices")."""

import logging
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import Final, Protocol

from minirelay.errors import StoreError
from minirelay.payments.price_text import show_place, show_price
from minirelay.shop.issued_requests import Place
from minirelay.store.database import Store
from minirelay.store.operator_alerts import PRICE_JUMPED, OperatorAlert
from minirelay.store.price_rows import decode_price, encode_price, price_key

LEAST_CHANGE: Final = Fraction(1, 100)
"""What is nearer to the stored price than that is not worth a write each minute."""

ALERT_INTERVAL_S: Final = 3600
MOST_ALERTS: Final = 20
"""So many alerts in that time, of all currencies together."""

log = logging.getLogger(__name__)


class PriceMemory(Protocol):
    """Remembers accepted prices."""

    async def load(self, currency: Place) -> Fraction | None:
        """Return the last accepted price, if there is one. Raises StoreError; the others raise nothing."""

    async def accept(self, currency: Place, price: Fraction) -> None:
        """Remember a price."""

    async def tell_jump(self, currency: Place, accepted: Fraction, price: Fraction) -> None:
        """Raise an alert about a price that is far from the accepted one."""


class StoredPrices:
    """Remembers them in the database."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        """now: the relay's clock, aware."""
        self._store = store
        self._now = now
        self._stored: dict[Place, Fraction] = {}
        self._told: dict[Place, int] = {}

    async def load(self, currency: Place) -> Fraction | None:
        """Return the last accepted price, if there is one. Raises StoreError."""
        stored = await self._store.reader.get_meta(price_key(currency))
        price = None if stored is None else decode_price(stored)
        if price is not None:
            self._stored[currency] = price
        return price

    async def accept(self, currency: Place, price: Fraction) -> None:
        """Remember a price, unless it is nearly the stored one."""
        stored = self._stored.get(currency)
        if stored is not None and abs(price - stored) < stored * LEAST_CHANGE:
            return
        try:
            await self._store.writer.put_meta(price_key(currency), encode_price(price))
        except StoreError as error:
            self._complain(error)
            return
        self._stored[currency] = price

    async def tell_jump(self, currency: Place, accepted: Fraction, price: Fraction) -> None:
        """Raise an alert, one an hour for each currency."""
        now = int(self._now().timestamp())
        self._told = {place: at for place, at in self._told.items() if now - at < ALERT_INTERVAL_S}
        if currency in self._told or len(self._told) >= MOST_ALERTS:
            return
        self._told[currency] = now
        detail = (
            f"{now}: {show_place(currency)} was {show_price(accepted)} dollars, and is said to be "
            f"{show_price(price)}: it can't be chosen until the price stays for ten minutes, or you "
            f"accept it: minirelay prices accept {show_place(currency)} {show_price(price)}"
        )
        log.warning("a price jumped: %s", detail)
        try:
            await self._store.writer.commit(OperatorAlert(PRICE_JUMPED, detail, now))
        except StoreError as error:
            self._complain(error)

    def _complain(self, error: StoreError) -> None:
        log.warning("a price could not be remembered", extra={"reason": str(error)})
