"""Orders that are not closed: how many each guest has, and which contain what may vanish (spec 06)."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from minirelay.errors import invalid
from minirelay.protocol.ids import NOBODY
from minirelay.shop.canonical import load_first
from minirelay.shop.objects import Order, OrderedItem
from minirelay.shop.order_states import IN_CHECKOUT, LIVE, STATE_FIELD, OrderState
from minirelay.shop.sellable import wanted_items
from minirelay.shop.work import LOOKUP, Work

ENTRY_BYTES: Final = 128
"""What an entry of the index takes in memory: about, rather more than less."""

Content = tuple[int, str | None]
"""What can vanish: a listing's id with the name of a variation, or with None for the listing itself."""


class LiveOrder(msgspec.Struct, frozen=True, gc=False):
    """An order from Open to Unpaid.

    card: row id of the guest's card that created it, NOBODY for others. contents: from Committed on, what is
    in it; nothing before, since that may still change.
    """

    card: int
    contents: tuple[Content, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Return about what it takes in memory, the index included."""
        return ENTRY_BYTES * (1 + len(self.contents))


class _OrderHead(msgspec.Struct):
    """The first fields of an order in its canonical form."""

    id: int = msgspec.field(name="ID")
    items: list[OrderedItem] = msgspec.field(name="Items")
    state: OrderState = msgspec.field(name=STATE_FIELD)


def live_order(order: Order, card: int, work: Work | None = None) -> LiveOrder | None:
    """Return what is to be known of an order; None for one that is closed.

    card: row id of the guest's card that created it, NOBODY for others. Raises WorkExceeded.
    """
    return _live_order(order.state, order.items, card, work)


def load_live_order(data: bytes, card: int) -> LiveOrder | None:
    """Tell the same of an order's canonical form, without decoding all of it. Raises MalformedInput."""
    order = load_first(_OrderHead, data, _HEAD_FIELDS)
    return _live_order(order.state, order.items, card, None)


_HEAD_FIELDS: Final = len(_OrderHead.__struct_fields__)


def _live_order(
    state: OrderState, items: list[OrderedItem], card: int, work: Work | None
) -> LiveOrder | None:
    if state not in LIVE:
        return None
    return LiveOrder(card, _contents(items, work) if state in IN_CHECKOUT else ())


def _contents(items: list[OrderedItem], work: Work | None) -> tuple[Content, ...]:
    """List what is in an order (spec 06 "contain it"), which is what it has more than 0 of.

    Web shops keep what a customer took out of a cart as an item with quantity 0, and show it no more. When it
    vanishes, that must not take the order from a customer who may be paying for the rest.
    """
    contents: dict[Content, None] = {}
    if work is not None:
        work.spend(LOOKUP * len(items))
    for item in wanted_items(items):
        contents[item.listing_id, None] = None
        for name in item.variation_ids or ():
            contents[item.listing_id, name] = None
    return tuple(contents)


class LiveOrders:
    """All of a shop's, as the last accepted write left them. size_bytes: about what they take in memory."""

    def __init__(self, orders: Mapping[bytes, LiveOrder] | None = None) -> None:
        """Start from what was stored. orders: by order id, 8 bytes."""
        self.size_bytes = 0
        self._orders: dict[bytes, LiveOrder] = {}
        self._containing: dict[Content, set[bytes]] = {}
        self._of_card: dict[int, int] = {}
        self.enter(orders or {})

    def get(self, order_id: bytes) -> LiveOrder | None:
        """Return one, None if there is no such order or it is closed."""
        return self._orders.get(order_id)

    def containing(self, content: Content) -> Collection[bytes]:
        """Return the ids of the orders in checkout that contain something."""
        return self._containing.get(content, ())

    def of_card(self, card: int) -> int:
        """Count those that a guest's card created."""
        return self._of_card.get(card, 0)

    def enter(self, changed: Mapping[bytes, LiveOrder | None]) -> None:
        """Take over what one write changed."""
        for order_id, order in changed.items():
            old = self._orders.pop(order_id, None)
            if old is not None:
                self._forget(order_id, old)
            if order is not None:
                self._orders[order_id] = order
                self._note(order_id, order)

    def _note(self, order_id: bytes, order: LiveOrder) -> None:
        self.size_bytes += order.size_bytes
        for content in order.contents:
            self._containing.setdefault(content, set()).add(order_id)
        if order.card != NOBODY:
            self._of_card[order.card] = self.of_card(order.card) + 1

    def _forget(self, order_id: bytes, order: LiveOrder) -> None:
        self.size_bytes -= order.size_bytes
        for content in order.contents:
            found = self._containing[content]
            found.remove(order_id)
            if not found:
                del self._containing[content]
        if order.card != NOBODY:
            left = self._of_card[order.card] = self.of_card(order.card) - 1
            if not left:
                del self._of_card[order.card]


class LiveOrderChanges:
    """Live orders as one write finds and leaves them.

    changed: by order id, what to enter and to store; None for what is closed or removed.
    """

    def __init__(self, base: LiveOrders, most_per_card: int, work: Work | None = None) -> None:
        """Begin without a change. most_per_card: live orders of a guest's card."""
        self.changed: dict[bytes, LiveOrder | None] = {}
        self._base = base
        self._most_per_card = most_per_card
        self._work = Work() if work is None else work
        self._of_card: dict[int, int] = {}
        self._gone: dict[Content, set[bytes]] = {}
        self._come: dict[Content, set[bytes]] = {}

    def get(self, order_id: bytes) -> LiveOrder | None:
        """Return one, None if there is no such order or it is closed."""
        return self.changed[order_id] if order_id in self.changed else self._base.get(order_id)

    def containing(self, content: Content, work: Work | None = None) -> set[bytes]:
        """Return the ids of the orders in checkout that contain something; it costs as much as it gives.

        work: counts it, if another.
        """
        gone = self._gone.get(content, set())
        found = {order_id for order_id in self._base.containing(content) if order_id not in gone}
        found |= self._come.get(content, set())
        (work or self._work).spend(len(found) + len(gone))
        return found

    def follow(self, order_id: bytes, order: Order, card: int) -> None:
        """Follow an order to what it is now, which is not closed.

        card: of who created it. Raises Refusal INVALID when it is one live order too many for its card.
        """
        before = self.get(order_id)
        if order.state in IN_CHECKOUT and before is not None and before.contents:
            # What is in an order that is committed does not change.
            return
        after = live_order(order, card, self._work)
        if after != before:
            self._put(order_id, before, after)

    def close(self, order_id: bytes, work: Work | None = None) -> None:
        """Follow an order that is paid, canceled or removed. work: counts it, if another."""
        before = self.get(order_id)
        if before is not None:
            self._put(order_id, before, None, work)

    def _put(
        self, order_id: bytes, before: LiveOrder | None, after: LiveOrder | None, work: Work | None = None
    ) -> None:
        self._count(before, -1)
        self._count(after, 1)
        if after is not None and before is None and self._is_too_many(after.card):
            raise invalid(f"a guest can have at most {self._most_per_card} orders that are not closed")
        gone = before.contents if before is not None else ()
        come = after.contents if after is not None else ()
        (work or self._work).spend(LOOKUP * (len(gone) + len(come)))
        for content in gone:
            self._move(order_id, content, self._come, self._gone)
        for content in come:
            self._move(order_id, content, self._gone, self._come)
        self.changed[order_id] = after

    def _move(
        self,
        order_id: bytes,
        content: Content,
        source: dict[Content, set[bytes]],
        target: dict[Content, set[bytes]],
    ) -> None:
        source.get(content, set()).discard(order_id)
        target.setdefault(content, set()).add(order_id)

    def _count(self, order: LiveOrder | None, by: int) -> None:
        if order is not None and order.card != NOBODY:
            known = self._of_card.get(order.card)
            self._of_card[order.card] = (self._base.of_card(order.card) if known is None else known) + by

    def _is_too_many(self, card: int) -> bool:
        return card != NOBODY and self._of_card[card] > self._most_per_card
