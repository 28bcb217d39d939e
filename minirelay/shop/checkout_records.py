"""What the relay remembers of a shop's checkout beside its log, and how one write changes it (spec 06).

None of it is ever replayed: what was decided with it is written as patches.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from minirelay.shop.issued_request_changes import IssuedRequestChanges
from minirelay.shop.issued_requests import IssuedRequest, IssuedRequests, RequestState
from minirelay.shop.live_orders import LiveOrder, LiveOrderChanges, LiveOrders
from minirelay.shop.objects import Order
from minirelay.shop.reservation_changes import ReservationChanges, ReservationLimits
from minirelay.shop.reservations import Hold, Reservation, Reservations
from minirelay.shop.work import Work

MOST_ENTERED: Final = 2048
"""So many units' records, contents or requests are entered at once: a few milliseconds."""


class CheckoutLimits(msgspec.Struct, frozen=True):
    """Bounds of checkout that are settings.

    orders_per_card: live ones of a guest's card. requests_per_order: whose TTL has not passed.
    requests_per_card_a_day: of a guest's card.
    """

    reservations: ReservationLimits
    orders_per_card: int
    requests_per_order: int
    requests_per_card_a_day: int


class RecordChanges(msgspec.Struct, frozen=True):
    """What one write changed: what to store, and to enter once it is accepted. None: to delete.

    reservations and live_orders: by order id. requests: by PaymentID; issued: of those that are new. closed:
    ids of the orders that this write paid, canceled or removed. judged_at: the second, in epoch seconds, by
    which it was decided which reservations had lapsed.
    """

    reservations: Mapping[bytes, Reservation | None] = {}
    live_orders: Mapping[bytes, LiveOrder | None] = {}
    requests: Mapping[bytes, IssuedRequest] = {}
    issued: Set[bytes] = frozenset()
    closed: tuple[bytes, ...] = ()
    judged_at: int = 0

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was changed."""
        return not (self.reservations or self.live_orders or self.requests or self.closed)


@dataclass(frozen=True, slots=True)
class CheckoutRecords:
    """Of one shop, as the last accepted write left them."""

    reservations: Reservations = field(default_factory=Reservations)
    live_orders: LiveOrders = field(default_factory=LiveOrders)
    requests: IssuedRequests = field(default_factory=IssuedRequests)

    @property
    def size_bytes(self) -> int:
        """Return about what they take in memory."""
        return self.reservations.size_bytes + self.live_orders.size_bytes + self.requests.size_bytes

    def enter(self, changes: RecordChanges) -> None:
        """Take over what an accepted write changed. It costs what the write did, whatever the shop's size."""
        for _ in self.enter_in_parts(changes):
            pass

    def enter_in_parts(self, changes: RecordChanges, most: int = MOST_ENTERED) -> Iterator[None]:
        """Take over what an accepted write changed, a part each time that the next is asked for.

        Until it ends, nothing may be judged by these records. most: of what is in a part, or one order's.
        """
        entered = 0
        for weight, enter in self._steps(changes):
            if entered and entered + weight > most:
                yield
                entered = 0
            enter()
            entered += weight

    def _steps(self, changes: RecordChanges) -> Iterator[tuple[int, Callable[[], None]]]:
        for order_id, row in changes.reservations.items():
            yield self._units_of(order_id, row), partial(self.reservations.enter, {order_id: row})
        for order_id, order in changes.live_orders.items():
            yield self._contents_of(order_id, order), partial(self.live_orders.enter, {order_id: order})
        for request_id, request in changes.requests.items():
            yield 1, partial(self.requests.enter, {request_id: request}, changes.issued)
        for order_id in changes.closed:
            yield 1, partial(self.requests.enter, {}, closed=(order_id,))

    def _units_of(self, order_id: bytes, row: Reservation | None) -> int:
        known = self.reservations.row(order_id)
        return 1 + (len(known.units) if known else 0) + (len(row.units) if row else 0)

    def _contents_of(self, order_id: bytes, order: LiveOrder | None) -> int:
        known = self.live_orders.get(order_id)
        return 1 + (len(known.contents) if known else 0) + (len(order.contents) if order else 0)

    def clear(self, now: int) -> tuple[bytes, ...]:
        """Clear away some of what time made meaningless; give the ids of orders whose reservation lapsed.

        To be called now and then, not while a write is judged. now: in epoch seconds.
        """
        self.requests.clear(now)
        return self.reservations.clear(now)


class CheckoutChanges:
    """The records as one write finds and leaves them: a client's, or one of the relay's own."""

    def __init__(
        self,
        base: CheckoutRecords,
        now: int,
        limits: CheckoutLimits,
        work: Work | None = None,
        own_work: Work | None = None,
    ) -> None:
        """Begin without a change. now: in epoch seconds. work: counts what it costs.

        own_work: counts what becomes of requests, which nobody may be refused for; without it, work does.
        """
        self.reservations = ReservationChanges(base.reservations, now, limits.reservations, work)
        self.live_orders = LiveOrderChanges(base.live_orders, limits.orders_per_card, work)
        self.requests = IssuedRequestChanges(base.requests, work if own_work is None else own_work)
        self._closed: dict[bytes, None] = {}

    def follow(self, order_id: bytes, order: Order, card: int) -> None:
        """Follow an order that is created, or moves on, and is not closed.

        card: row id of the guest's card that created it, NOBODY for others. Raises Refusal INVALID.
        """
        self._closed.pop(order_id, None)
        self.live_orders.follow(order_id, order, card)

    def close(self, order_id: bytes, work: Work | None = None) -> None:
        """Follow an order that gets paid, canceled or removed: it holds nothing, and waits for nothing.

        work: counts it, if another.
        """
        self.reservations.close(order_id, work)
        self.live_orders.close(order_id, work)
        self._closed[order_id] = None

    def review_hold(self, order_id: bytes, card: int) -> None:
        """Let money hold an order's reservation no more that can't settle the order any more."""
        known = self.reservations.get(order_id)
        states = {row.state for row in self.requests.of_order(order_id)}
        if known is None or known.hold is Hold.NONE or RequestState.SEEN in states:
            return
        if known.hold is Hold.SEEN or RequestState.SHORT not in states:
            self.reservations.hold(order_id, card, Hold.NONE)

    def finish(self) -> RecordChanges:
        """Return all that was changed."""
        return RecordChanges(
            reservations=self.reservations.changed,
            live_orders=self.live_orders.changed,
            requests=self.requests.changed,
            issued=self.requests.issued,
            closed=tuple(self._closed),
            judged_at=self.reservations.now,
        )
