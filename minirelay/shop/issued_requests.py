"""The payment requests that a shop's orders were given (spec 06 "Payment choice", "Choosing again").

What becomes of a request when money comes is for `payments` to say; here is what checkout has to know of it.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import Enum
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

from minirelay.protocol.ids import NOBODY
from minirelay.shop.objects import PaymentDetails
from minirelay.shop.payment_details import SHOP_SIGNATURE
from minirelay.shop.payment_request import PaymentRequest
from minirelay.shop.taken_seconds import TakenSeconds

DAY_S: Final = 86_400
MOST_CLEARED: Final = 1024
_ROW_BYTES: Final = 1024
_HASH_BYTES: Final = 72
_DUE_BYTES: Final = 384

Place = tuple[int, bytes]
"""A chain's id and an address of 20 bytes there: of a payee, or of a currency."""

Priced = tuple[int, bytes, int, bytes]
"""What requests of one shop differ in beside their TTL: chain, currency, amount, payee."""


class RequestState(Enum):
    """How far a payment request is (spec 06 "Paid", its record)."""

    WAITING = "waiting"
    SHORT = "short"
    SEEN = "seen"
    PAID = "paid"
    OVER = "over"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    LATE = "late"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    UNPROVEN = "unproven"
    REVERTED = "reverted"
    DISMISSED = "dismissed"


OPEN: Final = frozenset({RequestState.WAITING, RequestState.SHORT, RequestState.SEEN})
"""Money for them settles the order, and they can be handed out."""

MAY_SETTLE: Final = OPEN | {RequestState.UNPROVEN}
"""Money for them settles the order, or may be proven to have come."""


class IssuedRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A payment request as it was issued, and how far it is.

    id: the PaymentID. order_id: 8 bytes. card: row id of the guest's card that created the order. pricing and
    price: the shop's pricing currency at that moment, and the amount in its units, before conversion. region:
    the name of the shipping region. listing_hashes: of the PaymentDetails. issued_at: epoch seconds by the
    relay's clock. issued_at_block: number of the chain's head then known. is_dead: no payer may be sent to
    its address any more. received: of its currency, all that was recorded. is_watched: money for it
    still matters.
    """

    id: bytes
    order_id: bytes
    card: int
    request: PaymentRequest
    pricing: Place
    price: int
    region: str
    listing_hashes: tuple[bytes, ...]
    issued_at: int
    issued_at_block: int
    state: RequestState = RequestState.WAITING
    is_dead: bool = False
    received: int = 0
    is_watched: bool = True

    @property
    def is_open(self) -> bool:
        """Return whether money for it still settles the order."""
        return self.state in OPEN

    @property
    def size_bytes(self) -> int:
        """Return about what it takes in memory."""
        return _ROW_BYTES + _HASH_BYTES * len(self.listing_hashes)

    def without_listings(self) -> "IssuedRequest":
        """Return all of it but what was sold, which is most of what it takes in memory."""
        return msgspec.structs.replace(self, listing_hashes=()) if self.listing_hashes else self

    @property
    def payee(self) -> Place:
        """Return the payee, with its chain."""
        return self.request.chain_id, self.request.payee

    @property
    def currency(self) -> Place:
        """Return the currency, with its chain."""
        return self.request.chain_id, self.request.currency

    @property
    def details(self) -> PaymentDetails:
        """Return the PaymentDetails that say what it asks for; always the same."""
        return PaymentDetails(
            payment_id=self.id,
            total=self.request.amount,
            listing_hashes=list(self.listing_hashes),
            ttl=self.request.ttl,
            shop_signature=SHOP_SIGNATURE,
        )


def priced(request: PaymentRequest) -> Priced:
    """Return what tells a request from others of its shop, beside its TTL."""
    return request.chain_id, request.currency, request.amount, request.payee


class IssuedRequests:
    """Those of a shop that still matter: of orders that are not closed, and whose TTL has not passed.

    size_bytes: about what they take in memory.
    """

    def __init__(
        self, rows: Iterable[IssuedRequest] = (), is_live: Callable[[bytes], bool] = lambda _order_id: True
    ) -> None:
        """Start from what was stored, in the order of issue.

        rows: at least those of orders that are not closed, and those whose TTL has not passed. is_live:
        whether an order, by its id, is not closed.
        """
        self.size_bytes = 0
        self._rows: dict[bytes, IssuedRequest] = {}
        self._of_order: dict[bytes, tuple[bytes, ...]] = {}
        self._for_payee: dict[Place, dict[bytes, None]] = {}
        self._in_currency: dict[Place, dict[bytes, None]] = {}
        self._taken: dict[Priced, TakenSeconds] = {}
        self._times: dict[int, list[int]] = {}
        self._due: list[tuple[int, bytes, Priced, int]] = []
        self._begin(list(rows), is_live)

    def get(self, request_id: bytes) -> IssuedRequest | None:
        """Return a request of an order that is not closed."""
        return self._rows.get(request_id)

    def of_order(self, order_id: bytes) -> tuple[IssuedRequest, ...]:
        """Return the requests of an order that is not closed, the oldest first."""
        return tuple([self._rows[request_id] for request_id in self._of_order.get(order_id, ())])

    def open_for_payee(self, payee: Place) -> Iterator[IssuedRequest]:
        """Go through the open requests that are to be paid to a payee."""
        return (self._rows[request_id] for request_id in self._for_payee.get(payee, ()))

    def open_in_currency(self, currency: Place) -> Iterator[IssuedRequest]:
        """Go through the open requests that are to be paid in a currency."""
        return (self._rows[request_id] for request_id in self._in_currency.get(currency, ()))

    def first_free(self, wanted: Priced, second: int) -> int:
        """Return the first TTL, from a second on, with which no such request was ever issued."""
        taken = self._taken.get(wanted)
        return second if taken is None else taken.first_free(second)

    def issued_since(self, card: int, second: int) -> int:
        """Count the requests for orders of a guest's card that were issued after a second."""
        times = self._times.get(card, ())
        return len(times) - bisect_right(times, second)

    def enter(
        self,
        changed: Mapping[bytes, IssuedRequest],
        issued: Collection[bytes] = (),
        closed: Iterable[bytes] = (),
    ) -> None:
        """Take over what one write changed, by PaymentID.

        issued: PaymentIDs of those that are new. closed: ids of orders that the write closed. What becomes of
        requests of orders that were closed before makes no difference here.
        """
        for request_id, row in changed.items():
            if request_id in self._rows:
                self._index(self._rows[request_id], is_in=False)
                self._rows[request_id] = row
                self._index(row, is_in=True)
            elif request_id in issued:
                self._issue(row)
                self._keep(row)
        for order_id in closed:
            self._forget(self._of_order.pop(order_id, ()))

    def clear(self, now: int, most: int = MOST_CLEARED) -> None:
        """Forget what the TTLs that have passed were remembered for. most: so many requests at once.

        Requests whose order is not closed, and for which money counts or may be proven, stay.
        """
        while self._due and self._due[0][0] < now and most > 0:
            ttl, request_id, wanted, card = heappop(self._due)
            self.size_bytes -= _DUE_BYTES
            most -= 1
            taken = self._taken.get(wanted)
            if taken is not None and not taken.drop_before(ttl + 1):
                del self._taken[wanted]
            self._forget_times(card, now - DAY_S)
            row = self._rows.get(request_id)
            if row is not None and row.state not in MAY_SETTLE:
                self._drop(row)

    def _begin(self, rows: list[IssuedRequest], is_live: Callable[[bytes], bool]) -> None:
        """Take over very many at once: what is kept in order is put in order once."""
        taken: dict[Priced, list[int]] = {}
        for row in rows:
            request = row.request
            wanted = priced(request)
            known = taken.get(wanted)
            if known is None:
                known = taken[wanted] = []
            known.append(request.ttl)
            if row.card != NOBODY:
                self._times.setdefault(row.card, []).append(row.issued_at)
            self._due.append((request.ttl, row.id, wanted, row.card))
            if is_live(row.order_id):
                self._keep(row)
        self._taken = {wanted: TakenSeconds(seconds) for wanted, seconds in taken.items()}
        for times in self._times.values():
            times.sort()
        heapify(self._due)
        self.size_bytes += _DUE_BYTES * len(rows)

    def _issue(self, row: IssuedRequest) -> None:
        """Remember what holds until its TTL has passed, whatever becomes of the order."""
        wanted = priced(row.request)
        self._taken.setdefault(wanted, TakenSeconds()).add(row.request.ttl)
        if row.card != NOBODY:
            insort(self._times.setdefault(row.card, []), row.issued_at)
        heappush(self._due, (row.request.ttl, row.id, wanted, row.card))
        self.size_bytes += _DUE_BYTES

    def _keep(self, row: IssuedRequest) -> None:
        request_id, order_id = row.id, row.order_id
        self.size_bytes += _ROW_BYTES + _HASH_BYTES * len(row.listing_hashes)
        others = self._of_order.get(order_id)
        self._rows[request_id] = row if others is None else _sharing(row, self._rows[others[-1]])
        self._of_order[order_id] = (request_id,) if others is None else (*others, request_id)
        self._index(row, is_in=True)

    def _drop(self, row: IssuedRequest) -> None:
        left = tuple([one for one in self._of_order[row.order_id] if one != row.id])
        if left:
            self._of_order[row.order_id] = left
        else:
            del self._of_order[row.order_id]
        del self._rows[row.id]
        self.size_bytes -= row.size_bytes

    def _forget(self, request_ids: Iterable[bytes]) -> None:
        for request_id in request_ids:
            row = self._rows.pop(request_id)
            self._index(row, is_in=False)
            self.size_bytes -= row.size_bytes

    def _index(self, row: IssuedRequest, *, is_in: bool) -> None:
        if row.state not in OPEN:
            return
        request_id, request = row.id, row.request
        for index, address in ((self._for_payee, request.payee), (self._in_currency, request.currency)):
            place = request.chain_id, address
            if is_in:
                index.setdefault(place, {})[request_id] = None
            else:
                del index[place][request_id]
                if not index[place]:
                    del index[place]

    def _forget_times(self, card: int, second: int) -> None:
        times = self._times.get(card)
        if times is not None:
            del times[: bisect_right(times, second)]
            if not times:
                del self._times[card]


def _sharing(row: IssuedRequest, other: IssuedRequest) -> IssuedRequest:
    """Return a request that holds the same list of what was sold as another one, if it is the same."""
    if row.listing_hashes != other.listing_hashes:
        return row
    return msgspec.structs.replace(row, listing_hashes=other.listing_hashes)
