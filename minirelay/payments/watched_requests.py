"""The requests of one chain for which money still matters, found by id, order and address."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from minirelay.chain.findings import FoundBalance
from minirelay.payments.expiry import Expiry
from minirelay.payments.look_schedule import Importance, LookSchedule
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.resting_requests import RestingRequests
from minirelay.payments.states import DONE, SETTLES
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.messages import ShopRow
from minirelay.store.payment_records import WatchedRequest
from minirelay.store.payment_rows import PaymentTransfer

OF_A_PAID_ORDER: Final = DONE | {RequestState.REVERTED}

ADDRESSES_AT_ONCE: Final = 32
"""Computed in one turn of the loop: a few milliseconds."""


AT_ONCE: Final = 2000
"""That are gone through in one turn of the loop: a few milliseconds."""


class WatchedRequests:
    """Those of one chain. touched: ids of those about which something is known that was not decided about.

    unjudged: ids of those with events of which it is not known what they prove. unfinal: of those whose order
    is paid, in a block that may vanish. What was sold with them, which may be a thousand listings, is not
    kept: it is of no use here, and guests decide how many requests are watched for a month.
    """

    def __init__(self, chain_id: int, target: PaymentTarget, resting: RestingRequests | None = None) -> None:
        """Start without a request. resting: those that are not in memory; None: all are."""
        self.resting = RestingRequests(chain_id, None) if resting is None else resting
        self.schedule = LookSchedule()
        self.expiry = Expiry()
        self.touched: dict[bytes, None] = {}
        self.unjudged: dict[bytes, None] = {}
        self.unfinal: dict[bytes, None] = {}
        self._chain_id = chain_id
        self._target = target
        self._looked_at = 0
        self._by_id: dict[bytes, WatchedPayment] = {}
        self._shop_ids: dict[int, int] = {}
        self._by_order: dict[tuple[int, bytes], tuple[bytes, ...]] = {}
        self._by_address: dict[tuple[bytes, bytes], bytes] = {}
        self._without_address: dict[bytes, None] = {}
        self._missed: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[WatchedPayment]:
        return iter(self._by_id.values())

    def get(self, request_id: bytes | None) -> WatchedPayment | None:
        """Return one by its PaymentID, None if it is not watched."""
        return None if request_id is None else self._by_id.get(request_id)

    def at(self, balance: FoundBalance) -> WatchedPayment | None:
        """Return the one that is paid with this token to this address."""
        return self.get(self._by_address.get((balance.token, balance.holder)))

    def shop_id(self, one: WatchedPayment) -> int:
        """Return the token id of its shop."""
        return self._shop_ids[one.shop]

    def load(
        self, requests: Iterable[WatchedRequest], transfers: Iterable[PaymentTransfer], looked_at: int
    ) -> None:
        """Watch what was watched before. transfers: of these requests. looked_at: when last."""
        self._looked_at = looked_at
        stored = _by_request(transfers)
        for request in requests:
            self._add(request.shop, request.issued, stored.get(request.issued.id, ()))

    def note_looked_at(self, shop: int, at: int) -> None:
        """Take note of when those of one shop were looked at, which is another time than all others.

        shop: row id. at: epoch seconds.
        """
        for one in self:
            if one.shop == shop:
                one.balance.looked_at = at

    def looked(self, at: int) -> None:
        """Take note that everything was looked at: what is new was not there before. at: epoch seconds."""
        self._looked_at = at

    async def known_until(self, most: int) -> int:
        """Return up to when it is known for sure what came for those that may still be paid.

        Epoch seconds, `most` at most. Some are gone through in each turn of the loop.
        """
        until, ones = most, list(self)
        for start in range(0, len(ones), AT_ONCE):
            if start:
                await asyncio.sleep(0)
            known = [
                one.balance.known_until
                for one in ones[start : start + AT_ONCE]
                if one.issued.state in SETTLES and not one.is_closed
            ]
            until = min([until, *known])
        return until

    def changed(self, shop: ShopRow, records: RecordChanges) -> None:
        """Take note of what a write changed, and is durable: a client's, or one of the relay's own."""
        for request_id, row in records.requests.items():
            known = self._by_id.get(request_id)
            if known is not None:
                self._follow(known, row)
            elif request_id in records.issued and row.request.chain_id == self._chain_id:
                self._add(shop.row_id, row, ())
            elif self.resting.may_have(request_id):
                self._note_missed(row)
        for order_id in records.closed:
            for request_id in self._by_order.get((shop.row_id, order_id), ()):
                one = self._by_id[request_id]
                one.is_closed = True
                self._follow(one, one.issued)

    def is_resting(self, request_id: bytes | None) -> bool:
        """Return whether a request is watched, and not in memory."""
        return request_id is not None and request_id not in self._by_id and self.resting.may_have(request_id)

    def missing(self, ids: Iterable[bytes | None]) -> list[bytes]:
        """List which of these requests rest; what is read of them is to be given to `wake`."""
        self._missed.clear()
        return [one for one in dict.fromkeys(ids) if one is not None and self.is_resting(one)]

    def wake(self, requests: Iterable[WatchedRequest], transfers: Iterable[PaymentTransfer]) -> None:
        """Watch requests again that rested, but for those that were changed since they were read."""
        stored = _by_request(transfers)
        for request in requests:
            request_id = request.issued.id
            if request_id not in self._by_id and request_id not in self._missed:
                self.resting.wake(request_id)
                self._add(request.shop, request.issued, stored.get(request_id, ()), is_woken=True)

    def rest(self) -> None:
        """Let rest those that are too many in memory."""
        for request_id in self.resting.surplus():
            one = self._by_id.get(request_id)
            if one is not None and request_id not in self.touched:
                self._forget(one)
                self.resting.rest(request_id)

    async def give_addresses(self) -> None:
        """Compute the addresses that are missing, some in each turn of the loop."""
        while self._without_address and self._target.is_open:
            for request_id in list(islice(self._without_address, ADDRESSES_AT_ONCE)):
                del self._without_address[request_id]
                self._give_address(self._by_id[request_id])
            await asyncio.sleep(0)

    async def forget_above(self, number: int) -> None:
        """Let all forget what they know of blocks above this one, which never were; some in each turn."""
        for count, one in enumerate(list(self), 1):
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
            if one.forget_above(number):
                self.touched[one.id] = None
                self.schedule.hurry(one.id)

    def note_event(self, one: WatchedPayment) -> None:
        """Take note that there is news of an event."""
        self.touched[one.id] = None
        # It may tell of what lay at the address.
        self.schedule.hurry(one.id)
        if one.events.unjudged:
            self.unjudged[one.id] = None

    def _note_missed(self, row: IssuedRequest) -> None:
        """Take note of a change of one that rests: the operator's."""
        self._missed.add(row.id)
        if not row.is_watched:
            self.resting.wake(row.id)

    def _add(
        self, shop: int, issued: IssuedRequest, stored: Iterable[PaymentTransfer], *, is_woken: bool = False
    ) -> None:
        if not issued.is_watched or issued.request.chain_id != self._chain_id:
            return
        one = WatchedPayment(shop, issued.without_listings(), b"", self._looked_at)
        one.restore(stored)
        self._by_id[one.id] = one
        self._shop_ids[shop] = issued.request.shop_id
        order = shop, issued.order_id
        self._by_order[order] = (*self._by_order.get(order, ()), one.id)
        self.touched[one.id] = None
        if one.events.unjudged:
            self.unjudged[one.id] = None
        if is_woken:
            one.begin_again()
        else:
            self.expiry.put(one.id, issued.request.ttl)
        self._place(one)
        if self._target.is_open and not self._without_address:
            self._give_address(one)
        else:
            self._without_address[one.id] = None

    def _give_address(self, one: WatchedPayment) -> None:
        one.address = self._target.address_of(one.issued.request)
        self._by_address[one.issued.request.currency, one.address] = one.id

    def _follow(self, one: WatchedPayment, row: IssuedRequest) -> None:
        """Follow a request to what it is now."""
        one.issued = row.without_listings()
        # The same is decided otherwise of another state, or of an order that is closed.
        one.submitted = None
        self.touched[one.id] = None
        if one.is_woken and row.state is RequestState.UNPROVEN:
            one.is_woken = False
            self.expiry.put(one.id, row.request.ttl)
        is_needless = row.state is RequestState.DISMISSED and one.is_closed
        if row.is_watched and not is_needless:
            self._place(one)
        else:
            self._forget(one)

    def _place(self, one: WatchedPayment) -> None:
        state = one.issued.state
        if state is RequestState.DISMISSED:
            # Nothing is looked for; but its order is canceled when its time has passed.
            self.schedule.remove(one.id)
            self.unjudged.pop(one.id, None)
            return
        is_paid = state in OF_A_PAID_ORDER
        is_open = is_paid or (state in SETTLES and not one.is_closed)
        importance = Importance.OPEN if is_open else Importance.REST
        self.schedule.put(one.id, importance, one.issued.issued_at)
        if is_paid:
            self.unfinal[one.id] = None
        else:
            self.unfinal.pop(one.id, None)

    def _forget(self, one: WatchedPayment) -> None:
        self.schedule.remove(one.id)
        self.resting.note_gone(one.id)
        for known in (self.touched, self.unjudged, self.unfinal, self._without_address):
            known.pop(one.id, None)
        del self._by_id[one.id]
        self._by_address.pop((one.issued.request.currency, one.address), None)
        order = one.shop, one.issued.order_id
        left = tuple([request_id for request_id in self._by_order[order] if request_id != one.id])
        if left:
            self._by_order[order] = left
        else:
            del self._by_order[order]


def _by_request(transfers: Iterable[PaymentTransfer]) -> Mapping[bytes, list[PaymentTransfer]]:
    found: dict[bytes, list[PaymentTransfer]] = defaultdict(list)
    for one in transfers:
        found[one.request_id].append(one)
    return found
