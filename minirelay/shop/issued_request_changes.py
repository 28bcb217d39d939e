"""What one write does to issued payment requests: beside those of the shop, which stay as they are."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from minirelay.shop.issued_requests import (
    IssuedRequest,
    IssuedRequests,
    Place,
    Priced,
    RequestState,
    priced,
)
from minirelay.shop.taken_seconds import TakenSeconds
from minirelay.shop.work import LOOKUP, Work

_MOVE_WORK: Final = 150
"""In units of work: a request in another state, with its row and the review of what it holds; measured."""


class IssuedRequestChanges:
    """Issued requests as one write finds and leaves them.

    changed: by PaymentID, what to enter and to store. issued: PaymentIDs of those that are new.
    """

    def __init__(self, base: IssuedRequests, work: Work | None = None) -> None:
        """Begin without a change. work: counts what is looked at and moved."""
        self.changed: dict[bytes, IssuedRequest] = {}
        self.issued: set[bytes] = set()
        self._base = base
        self._work = Work() if work is None else work
        self._new: dict[bytes, list[bytes]] = {}
        self._taken: dict[Priced, TakenSeconds] = {}
        self._count_of_card: dict[int, int] = {}

    def of_order(self, order_id: bytes) -> tuple[IssuedRequest, ...]:
        """Return the requests of an order, the oldest first."""
        known = tuple([self.changed.get(row.id, row) for row in self._base.of_order(order_id)])
        return (*known, *[self.changed[request_id] for request_id in self._new.get(order_id, ())])

    def open_for_payee(self, payee: Place) -> list[IssuedRequest]:
        """List the open requests that are to be paid to a payee. Raises WorkExceeded."""
        return self._open(self._base.open_for_payee(payee), lambda row: row.payee == payee)

    def open_in_currency(self, currency: Place) -> list[IssuedRequest]:
        """List the open requests that are to be paid in a currency. Raises WorkExceeded."""
        return self._open(self._base.open_in_currency(currency), lambda row: row.currency == currency)

    def first_free(self, wanted: Priced, second: int) -> int:
        """Return the first TTL, from a second on, with which no such request was ever issued."""
        own = self._taken.get(wanted)
        while True:
            free = self._base.first_free(wanted, second)
            second = free if own is None else own.first_free(free)
            if second == free:
                return free

    def issued_since(self, card: int, second: int) -> int:
        """Count the requests for orders of a guest's card that were issued after a second."""
        return self._base.issued_since(card, second) + self._count_of_card.get(card, 0)

    def issue(self, row: IssuedRequest) -> None:
        """Add a new one, whose TTL was free."""
        self.changed[row.id] = row
        self.issued.add(row.id)
        self._new.setdefault(row.order_id, []).append(row.id)
        self._taken.setdefault(priced(row.request), TakenSeconds()).add(row.request.ttl)
        self._count_of_card[row.card] = self._count_of_card.get(row.card, 0) + 1

    def put(self, row: IssuedRequest, state: RequestState) -> None:
        """Move one to another state. Raises WorkExceeded."""
        self.update(msgspec.structs.replace(row, state=state))

    def update(self, row: IssuedRequest) -> None:
        """Enter what became of one, which may be of an order that is closed. Raises WorkExceeded."""
        self._work.spend(_MOVE_WORK)
        self.changed[row.id] = row

    def _open(
        self, known: Iterable[IssuedRequest], fits: Callable[[IssuedRequest], bool]
    ) -> list[IssuedRequest]:
        now = []
        for row in known:
            # As it goes on: strangers decide how many there are.
            self._work.spend(LOOKUP)
            now.append(self.changed.get(row.id, row))
        self._work.spend(LOOKUP * len(self.issued))
        new = [self.changed[one] for ids in self._new.values() for one in ids if fits(self.changed[one])]
        return [row for row in (*now, *new) if row.is_open]
