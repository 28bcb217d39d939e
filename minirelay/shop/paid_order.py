"""What the relay writes into a shop when an order is paid (spec 06 "Paid")."""

from typing import Final

import msgspec

from minirelay.protocol.cbor import Value, decode
from minirelay.protocol.patch_set import NewPatch, Op
from minirelay.shop.canonical import dump
from minirelay.shop.draft import Draft
from minirelay.shop.objects import Order, OrderedItem, OrderPaid
from minirelay.shop.order_states import STATE_FIELD, OrderState
from minirelay.shop.reservation_changes import ReservationChanges
from minirelay.shop.sellable import wanted_items
from minirelay.shop.state import id_key, inventory_key
from minirelay.shop.work import LOOKUP, Work

TX_DETAILS: Final = "TxDetails"


class PaidOrder(msgspec.Struct, frozen=True):
    """The patches of an order that gets paid. missing: how many pieces there was no stock for."""

    patches: tuple[NewPatch, ...]
    missing: int


def paid_order(
    shop: Draft,
    reservations: ReservationChanges,
    order_id: bytes,
    order: Order,
    paid_in: OrderPaid,
    work: Work | None = None,
) -> PaidOrder:
    """Make the patches: the stock that is taken, item by item, the block that paid it, then its state.

    An order takes its own reserved units, and of what it has not reserved only what others have not. It is
    paid even if there is less. work: counts the items. Raises WorkExceeded.
    """
    taken, missing = _take_stock(shop, reservations, order_id, order, Work() if work is None else work)
    path = ("Orders", int.from_bytes(order_id))
    state = NewPatch("replace", (*path, STATE_FIELD), int(OrderState.PAID))
    return PaidOrder((*taken, record_patch(order_id, order, paid_in), state), missing)


def record_patch(order_id: bytes, order: Order, paid_in: OrderPaid) -> NewPatch:
    """Make the patch that says which block, and which transaction if it is known, paid an order."""
    op: Op = "add" if order.tx_details is None else "replace"
    value: Value = decode(dump(paid_in))
    return NewPatch(op, ("Orders", int.from_bytes(order_id), TX_DETAILS), value)


def _take_stock(
    shop: Draft, reservations: ReservationChanges, order_id: bytes, order: Order, work: Work
) -> tuple[list[NewPatch], int]:
    left: dict[bytes, int] = {}
    wanted = list(wanted_items(order.items))
    for item in wanted:
        work.spend(LOOKUP)
        key = _key(item)
        left[key] = left.get(key, 0) + item.quantity
    for key, quantity in left.items():
        left[key] = reservations.takeable(order_id, key, quantity, shop.stock(key) or 0)
    patches: list[NewPatch] = []
    missing = 0
    for item in wanted:
        key = _key(item)
        taken = min(item.quantity, left[key]) if _is_there(shop, item) else 0
        left[key] -= taken
        missing += item.quantity - taken
        if taken:
            path = ("Inventory", item.listing_id, *(item.variation_ids or ()))
            patches.append(NewPatch("decrement", path, taken))
    return patches, missing


def _is_there(shop: Draft, item: OrderedItem) -> bool:
    """Return whether what was sold still exists: clients stop on a decrement of what they don't have."""
    listing = id_key(item.listing_id)
    return shop.listing(listing) is not None and shop.variation_names(listing) >= set(
        item.variation_ids or ()
    )


def _key(item: OrderedItem) -> bytes:
    return inventory_key(item.listing_id, item.variation_ids or ())
