"""What can be asked about checkouts, payment requests, and the money that came for them."""

import asyncio
from collections.abc import Iterable, Sequence

from minirelay.shop.checkout_records import CheckoutRecords
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.reservations import Reservation
from minirelay.store import (
    chain_rows,
    checkout_records,
    missing_time,
    payment_decisions,
    payment_list,
    payment_records,
    stray_rows,
    unswept,
)
from minirelay.store.messages import (
    ChainProgress,
    ShopRow,
    StoredObject,
)
from minirelay.store.missing_time import UnknownPayment
from minirelay.store.payment_decisions import PaymentDecision
from minirelay.store.payment_list import ListedPayment, PaymentFilter
from minirelay.store.payment_records import Rests, WatchedRequest
from minirelay.store.payment_rows import PaymentTransfer
from minirelay.store.questions import Questions
from minirelay.store.unswept import SweepCandidate


class PaymentQuestions(Questions):
    """Ask about payments. shop: a row id, or the row."""

    async def load_checkout(
        self, shop: ShopRow, objects: Sequence[StoredObject], now: int
    ) -> CheckoutRecords:
        """Make the records of a shop's checkout of what is stored, and of its objects.

        objects: all of the shop's, from `load_objects`; no write to the shop may come between. now: in epoch
        seconds. It costs about 25 µs an order, none of it on the loop.
        """
        live = await asyncio.to_thread(checkout_records.find_live_orders, objects)
        stored = await self._pool.run(
            lambda db: checkout_records.load_checkout(db, shop.row_id, shop.shop_id, live, now)
        )
        return await asyncio.to_thread(checkout_records.make_records, live, stored, now)

    async def reservations(self, shop: int) -> dict[bytes, Reservation]:
        """Read all reservations of a shop by order id, those that have lapsed included."""
        return await self._pool.run(lambda db: checkout_records.load_reservations(db, shop))

    async def payment_requests(
        self, shop: ShopRow, *, ids: Iterable[bytes] = (), orders: Iterable[bytes] = ()
    ) -> dict[int, IssuedRequest]:
        """Read the payment requests of a shop with these PaymentIDs, and of these orders.

        By row, which is a number that rises in the order of issue.
        """
        return await self._pool.run(
            lambda db: checkout_records.load_requests(db, shop.row_id, shop.shop_id, ids=ids, orders=orders)
        )

    async def payment_request_rows(self, shop: int) -> list[int]:
        """List the rows of all payment requests of a shop, in the order of issue."""
        return await self._pool.run(lambda db: checkout_records.list_requests(db, shop))

    async def chain_progress(self, chain_id: int) -> ChainProgress | None:
        """Return how far a chain was read, and the blocks that were polled; None if it never was."""
        return await self._pool.run(lambda db: chain_rows.load_progress(db, chain_id))

    async def settled_requests(self, shop: ShopRow) -> list[IssuedRequest]:
        """Read the payment requests of a shop that were paid, also those that came too much or vanished."""
        return await self._pool.run(lambda db: checkout_records.load_settled(db, shop.row_id, shop.shop_id))

    async def watched_requests(self, rests: Rests) -> list[WatchedRequest]:
        """Read the payment requests of a chain for which money still matters, but for those that rest."""
        return await self._pool.run(lambda db: payment_records.load_watched(db, rests))

    async def watched_counts(self) -> dict[int, int]:
        """Count the payment requests for which money still matters, by chain id."""
        return await self._pool.run(payment_records.count_watched)

    async def resting_requests(
        self, rests: Rests, after: tuple[int, int], most: int
    ) -> tuple[list[WatchedRequest], tuple[int, int]]:
        """Read the next payment requests that rest, and where to go on; see `payment_records`."""
        return await self._pool.run(lambda db: payment_records.load_resting(db, rests, after, most))

    async def resting_prefixes(self, rests: Rests) -> bytes:
        """Read how the PaymentIDs of those that rest begin, end to end."""
        return await self._pool.run(lambda db: payment_records.load_resting_prefixes(db, rests))

    async def find_watched(self, ids: Iterable[bytes]) -> list[WatchedRequest]:
        """Find those of these payment requests for which money still matters, by PaymentID."""
        return await self._pool.run(lambda db: payment_records.find_watched(db, ids))

    async def find_payment_requests(self, first: bytes, last: bytes) -> list[WatchedRequest]:
        """Find payment requests whose PaymentID is between two, two of them at most."""
        return await self._pool.run(lambda db: payment_records.find_requests(db, first, last))

    async def payment_decisions(self, ids: Iterable[bytes]) -> list[PaymentDecision]:
        """Read what the operator decided about payment requests, by PaymentID."""
        return await self._pool.run(lambda db: payment_decisions.load_decisions(db, ids))

    async def sweep_candidates(
        self,
        chain_id: int,
        *,
        request_id: bytes | None = None,
        states: Sequence[RequestState] | None = None,
        since: int = 0,
    ) -> list[SweepCandidate]:
        """List payment requests at whose addresses money may lie, the newest first; see `unswept`."""
        return await self._pool.run(
            lambda db: unswept.list_candidates(
                db, chain_id, request_id=request_id, states=states, since=since
            )
        )

    async def stray_candidates(
        self, chain_id: int, *, request_id: bytes | None = None
    ) -> list[SweepCandidate]:
        """List payment requests of other chains whose money lies on this one; see `unswept`."""
        return await self._pool.run(lambda db: unswept.list_strays(db, chain_id, request_id=request_id))

    async def unsearched_requests(
        self, chain_id: int, *, now: int, since: int, most: int
    ) -> list[WatchedRequest]:
        """Read payment requests at whose addresses is to be searched on a chain; see `stray_rows`."""
        return await self._pool.run(
            lambda db: stray_rows.load_unsearched(db, chain_id, now=now, since=since, most=most)
        )

    async def unread_chains(self, ids: Iterable[bytes]) -> dict[bytes, list[int]]:
        """List of payment requests the chains on which it is not known what lies at their addresses."""
        return await self._pool.run(lambda db: stray_rows.list_unread(db, ids))

    async def payment_transfers(self, ids: Iterable[bytes]) -> list[PaymentTransfer]:
        """Read what was observed for payment requests, by PaymentID."""
        return await self._pool.run(lambda db: payment_records.load_transfers(db, ids))

    async def list_payments(self, wanted: PaymentFilter, before: int | None = None) -> list[ListedPayment]:
        """List a page of payment requests, the newest first. before: the last row of the page before."""
        return await self._pool.run(lambda db: payment_list.list_payments(db, wanted, before))

    async def missing_until(self) -> int:
        """Return until when something may be missing, in epoch seconds; 0 if nothing ever was."""
        return await self._pool.run(missing_time.missing_until)

    async def unknown_payments(self, chain_id: int) -> list[UnknownPayment]:
        """Read which payments of a chain are to be asked about, since nobody knows what they are for."""
        return await self._pool.run(lambda db: missing_time.load_unknown(db, chain_id))
