"""Whether what is stored of a shop's checkout is what its log tells of it (spec 06).

The log tells what the relay asked its customers to pay, and what is in the orders that may hold stock. It
does not tell the clock of a reservation, the chain's head, or what came of a request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.relay.replay import Difference
from minirelay.relay.written_details import WrittenDetails
from minirelay.shop.canonical import load
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.objects import Order
from minirelay.shop.order_states import CLOSED, IN_CHECKOUT, LIVE, OrderState
from minirelay.shop.payment_details import VALID_FOR_S
from minirelay.shop.payment_request import payment_id
from minirelay.shop.reservations import Hold, Reservation
from minirelay.shop.sellable import wanted_items
from minirelay.shop.state import ShopState, inventory_key
from minirelay.store.messages import ShopRow
from minirelay.store.reader import Reader

_HELD_BY: Final = {Hold.SHORT: RequestState.SHORT, Hold.SEEN: RequestState.SEEN}


@dataclass(slots=True)
class CheckoutAudit:
    """The payment requests that the log has told of so far.

    rows: of those that are stored. orders: theirs.
    """

    row: ShopRow
    rows: set[int] = field(default_factory=set)
    orders: set[bytes] = field(default_factory=set)
    last: int = 0

    async def compare(self, reader: Reader, written: Iterable[WrittenDetails]) -> None:
        """Compare requests with the PaymentDetails of a stretch of the log. Raises Difference, StoreError."""
        told = list(written)
        if not told:
            return
        stored = await reader.payment_requests(self.row, ids={one.details.payment_id for one in told})
        by_id = {request.id: (row, request) for row, request in stored.items()}
        for one in told:
            name = f"payment request 0x{one.details.payment_id.hex()}"
            if one.details.payment_id not in by_id:
                raise Difference(f"{name}, written by set {one.seq}, is not stored")
            row, request = by_id[one.details.payment_id]
            if (column := _different(request, one)) is not None:
                raise Difference(f"{name}: its {column} is stored otherwise than set {one.seq} says")
            if row not in self.rows and row < self.last:
                raise Difference(f"{name} is stored in another place than in the order of issue")
            self.rows.add(row)
            self.orders.add(one.order_id)
            self.last = max(self.last, row)

    async def compare_rest(self, reader: Reader, state: ShopState, owners: Mapping[bytes, int]) -> None:
        """Compare reservations, and find what is surplus. Raises Difference, StoreError.

        reader: sees the log as it was replayed. state, owners: behind all of it.
        """
        for row in await reader.payment_request_rows(self.row.row_id):
            if row not in self.rows:
                raise Difference(f"payment request {row} is stored, but not in the log")
        _compare_settled(await reader.settled_requests(self.row), self.orders, state)
        reservations = await reader.reservations(self.row.row_id)
        for order_id, reservation in reservations.items():
            _compare_reservation(order_id, reservation, state, owners)
        held = {order_id: row.hold for order_id, row in reservations.items() if row.hold is not Hold.NONE}
        requests = (await reader.payment_requests(self.row, orders=held)).values()
        holding = {(one.order_id, one.state) for one in requests}
        for order_id, hold in held.items():
            if (order_id, _HELD_BY[hold]) not in holding:
                raise Difference(f"reservation of order 0x{order_id.hex()}: no payment request holds it")


def _different(request: IssuedRequest, written: WrittenDetails) -> str | None:
    """Name the first column of a request that is not as its PaymentDetails say; None if all are."""
    details = written.details
    columns = {
        "order_id": request.order_id == written.order_id,
        "card": request.card == written.card,
        "amount": request.request.amount == details.total,
        "ttl": request.request.ttl == details.ttl,
        "listing_hashes": list(request.listing_hashes) == details.listing_hashes,
        "chain_id, currency or payee": payment_id(request.request) == request.id,
        "pricing_chain or pricing_address": request.pricing == written.pricing,
        "price": request.price == written.price,
        "region": request.region == written.region,
        "issued_at": request.issued_at + VALID_FOR_S <= details.ttl,
    }
    return next((name for name, is_same in columns.items() if not is_same), None)


def _compare_settled(settled: Iterable[IssuedRequest], orders: Iterable[bytes], state: ShopState) -> None:
    """Compare which requests are said to be paid with which orders are. orders: those with a request."""
    paid: set[bytes] = set()
    for one in settled:
        found = _state_of(state, one.order_id)
        # What the operator accepts for a canceled order marks only the request.
        fits = {OrderState.PAID} if one.state is RequestState.DUPLICATE else CLOSED
        if found not in fits:
            name = f"payment request 0x{one.id.hex()}"
            raise Difference(f"{name}: it is stored as {one.state.value}, but its order is not paid")
        if one.state is not RequestState.DUPLICATE:
            paid.add(one.order_id)
    for order_id in orders:
        if order_id not in paid and _state_of(state, order_id) is OrderState.PAID:
            raise Difference(
                f"order 0x{order_id.hex()} is paid, but none of its payment requests is stored so"
            )


def _state_of(state: ShopState, order_id: bytes) -> OrderState | None:
    data = state.get(ObjectType.ORDER, order_id)
    return None if data is None else load(Order, data).state


def _compare_reservation(
    order_id: bytes, row: Reservation, state: ShopState, owners: Mapping[bytes, int]
) -> None:
    name, data = f"reservation of order 0x{order_id.hex()}", state.get(ObjectType.ORDER, order_id)
    if data is None:
        raise Difference(f"{name}: there is no such order")
    if row.card != owners.get(order_id, NOBODY):
        raise Difference(f"{name}: its card is not that of who created the order")
    order = load(Order, data)
    if order.state not in LIVE:
        raise Difference(f"{name}: the order is closed")
    if row.units and (order.state not in IN_CHECKOUT or row.units != tuple(_units(order).items())):
        raise Difference(f"{name}: its units are not what the order may hold")
    if row.is_chosen != (order.state is OrderState.UNPAID) and (row.units or row.is_chosen):
        raise Difference(f"{name}: its is_chosen does not fit the state of the order")


def _units(order: Order) -> dict[bytes, int]:
    units: dict[bytes, int] = {}
    for item in wanted_items(order.items):
        key = inventory_key(item.listing_id, item.variation_ids or ())
        units[key] = units.get(key, 0) + item.quantity
    return units
