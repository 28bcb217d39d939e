"""What one write does to reservations: beside those of the shop, which stay as they are (spec 06 "Commit").

A refused write leaves no trace, since what it changed here is dropped with it.
"""

from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from minirelay.errors import Code, Refusal, invalid
from minirelay.protocol.ids import NOBODY
from minirelay.shop.objects import OrderedItem
from minirelay.shop.reservations import Hold, Reservation, Reservations, Units
from minirelay.shop.sellable import Listings, require_sellable, wanted_items
from minirelay.shop.state import inventory_key
from minirelay.shop.work import LOOKUP, Work

EXTENDED_S: Final = 6 * 3600
"""How much longer money that is short holds a reservation, once."""


class ReservationLimits(msgspec.Struct, frozen=True):
    """How long reservations last, in seconds, and how many units a guest's card may have reserved."""

    lasts_s: int
    units_per_card: int


class Stock(Listings, Protocol):
    """Listings and stock of a shop at one moment; a `Draft` has them."""

    def stock(self, key: bytes, /) -> int | None:
        """Return what a stock record counts, by its `state.inventory_key`; None if there is none."""


class ReservationChanges:
    """Reservations as one write finds and leaves them.

    changed: by order id, what to enter and to store; None where nothing is left to know. now: the second by
    which it is judged what has lapsed: never one before that of an earlier write.
    """

    def __init__(
        self, base: Reservations, now: int, limits: ReservationLimits, work: Work | None = None
    ) -> None:
        """Begin without a change. now: in epoch seconds. work: counts what it costs."""
        self.changed: dict[bytes, Reservation | None] = {}
        self._base = base
        self.now = base.latest(now)
        self._limits = limits
        self._work = Work() if work is None else work
        self._of_stock: dict[bytes, int] = {}
        self._of_card: dict[int, int] = {}

    def of_stock(self, key: bytes) -> int:
        """Sum up what is reserved of a stock record."""
        known = self._of_stock.get(key)
        if known is None:
            known = self._of_stock[key] = self._base.of_stock(key, self.now)
        return known

    def of_card(self, card: int) -> int:
        """Sum up the units that the orders of a guest's card have reserved."""
        known = self._of_card.get(card)
        if known is None:
            known = self._of_card[card] = self._base.of_card(card, self.now)
        return known

    def get(self, order_id: bytes) -> Reservation | None:
        """Return what is known about an order's reservation, as it is now."""
        row = self.changed[order_id] if order_id in self.changed else self._base.row(order_id)
        return None if row is None else row.at(self.now)

    def units(self, order_id: bytes) -> Units:
        """Return what an order has reserved; nothing if it has lapsed."""
        row = self.get(order_id)
        return () if row is None else row.units

    def commit(self, order_id: bytes, card: int, items: list[OrderedItem], stock: Stock) -> None:
        """Reserve the items of an order that gets committed.

        card: the row id of the guest's card that created it, NOBODY for others. Raises Refusal: NOT_FOUND
        and OUT_OF_STOCK with the listing's id, INVALID; WorkExceeded.
        """
        units = self._available(card, items, stock)
        row = self.get(order_id) or Reservation(card, (), 0)
        # After a reopening within its hour there is no new one: stock could be held for ever.
        ends_at = row.ends_at if row.ends_at > self.now else self.now + self._limits.lasts_s
        self._put(order_id, msgspec.structs.replace(row, card=card, units=units, ends_at=ends_at))

    def choose(self, order_id: bytes, card: int, items: list[OrderedItem], stock: Stock) -> None:
        """Keep the reservation of an order whose payment is chosen, or make one. Raises like `commit`."""
        row = self.get(order_id) or Reservation(card, (), 0)
        if row.units and row.is_chosen:
            return
        units = row.units or self._available(card, items, stock)
        ends_at = self.now + self._limits.lasts_s
        chosen = msgspec.structs.replace(row, card=card, units=units, ends_at=ends_at, is_chosen=True)
        self._put(order_id, chosen)

    def reopen(self, order_id: bytes) -> None:
        """Give back what an order holds that is committed no more; its end is not forgotten."""
        row = self.get(order_id)
        if row is not None:
            self._put(order_id, msgspec.structs.replace(row, units=()))

    def close(self, order_id: bytes, work: Work | None = None) -> None:
        """Give back what an order holds that is paid, canceled or removed. work: counts it, if another."""
        self._put(order_id, None, work)

    def hold(self, order_id: bytes, card: int, hold: Hold) -> None:
        """Let money for an order hold its reservation beyond its end, or no more (spec 06 "Commit").

        hold: the best that is to be said of its requests now. What lapsed before is gone.
        """
        row = self.get(order_id) or Reservation(card, (), 0)
        self._put(order_id, msgspec.structs.replace(row, hold=hold))

    def takeable(self, order_id: bytes, key: bytes, quantity: int, stock: int) -> int:
        """Return how much of a stock an order may take that gets paid (spec 06 "Paid"), `quantity` at most.

        Its own units first; of what it has not reserved, only what other orders have not.
        """
        own = dict(self.units(order_id)).get(key, 0)
        unreserved = max(0, stock - (self.of_stock(key) - own))
        return min(quantity, max(min(own, stock), unreserved))

    def _available(self, card: int, items: list[OrderedItem], stock: Stock) -> Units:
        """Return what there is to reserve for an order that holds nothing."""
        keyed = list(_keyed(items))
        if not keyed:
            raise invalid("the order needs at least one item with a quantity above 0")
        wanted: dict[bytes, int] = {}
        for item, key in keyed:
            self._work.spend(LOOKUP)
            wanted[key] = wanted.get(key, 0) + item.quantity
        for item, key in keyed:
            require_sellable(stock, item)
            counted = stock.stock(key)
            if counted is None or wanted[key] + self.of_stock(key) > counted:
                raise Refusal(Code.OUT_OF_STOCK, "there is not that much left in stock", item.listing_id)
        if card != NOBODY and self.of_card(card) + sum(wanted.values()) > self._limits.units_per_card:
            raise invalid(f"a guest's orders can reserve at most {self._limits.units_per_card} pieces")
        return tuple(wanted.items())

    def _put(self, order_id: bytes, row: Reservation | None, work: Work | None = None) -> None:
        before = self.get(order_id)
        if row is not None:
            row = self._with_extension(row).at(self.now)
        self._count(before, -1, work or self._work)
        self._count(row, 1, work or self._work)
        self.changed[order_id] = None if row is None or row.says_nothing(self.now) else row

    def _with_extension(self, row: Reservation) -> Reservation:
        # Once per order: a second reservation is not extended anew.
        if row.hold is not Hold.SHORT or row.extended_until or not row.units:
            return row
        return msgspec.structs.replace(row, extended_until=row.ends_at + EXTENDED_S)

    def _count(self, row: Reservation | None, sign: int, work: Work) -> None:
        if row is None:
            return
        for key, units in row.units:
            work.spend(LOOKUP)
            self._of_stock[key] = self.of_stock(key) + sign * units
        if row.card != NOBODY and row.units:
            self._of_card[row.card] = self.of_card(row.card) + sign * sum([units for _, units in row.units])


def _keyed(items: list[OrderedItem]) -> Iterator[tuple[OrderedItem, bytes]]:
    for item in wanted_items(items):
        yield item, inventory_key(item.listing_id, item.variation_ids or ())
