"""Everything that can be asked of the database; each answer is one short read transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from minirelay.shop.checkout_records import CheckoutRecords
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.reservations import Reservation
from minirelay.store import (
    account_checks,
    alerts,
    blob_rows,
    chain_rows,
    checkout_records,
    comparison,
    counts,
    gaps,
    high_water,
    index,
    integrity,
    log,
    missing_time,
    objects,
    operator_alerts,
    payment_decisions,
    payment_list,
    payment_records,
    shops,
    totals,
    unswept,
    webhook_events,
)
from minirelay.store.account_checks import AccountCheck
from minirelay.store.alerts import Alert, AlertPage, ToldAlert
from minirelay.store.high_water import HighWater, Loss
from minirelay.store.messages import (
    NO_LIMIT,
    BlobRow,
    ChainProgress,
    Counts,
    Gap,
    KeyCard,
    Leaf,
    NextRows,
    SelectedPage,
    Selection,
    ShopBlob,
    ShopRow,
    StoredObject,
    StoredSet,
    WireSet,
)
from minirelay.store.missing_time import UnknownPayment
from minirelay.store.payment_decisions import PaymentDecision
from minirelay.store.payment_list import ListedPayment, PaymentFilter
from minirelay.store.payment_records import Rests, WatchedRequest
from minirelay.store.payment_rows import PaymentTransfer
from minirelay.store.pool import Queryable, ReadPool
from minirelay.store.totals import Totals
from minirelay.store.unswept import SweepCandidate
from minirelay.store.webhook_events import Topic, WaitingEvent, WebhookBacklog, WebhookEvent


class Reader:
    """Ask the database. All may raise StoreUnavailable and StoreClosed.

    shop is a row id. A stretch of the log is what comes after after_seq, up to and including upto_seq: the
    durable end that the caller knows.
    """

    def __init__(self, pool: ReadPool, queried: Queryable | None = None) -> None:
        """pool: the connections to ask. queried: one of them, to ask only that."""
        self._connections = pool
        self._pool = pool if queried is None else queried

    @asynccontextmanager
    async def held(self) -> AsyncIterator["Reader"]:
        """Yield a reader for which the database does not change while the block runs.

        To be kept short, the write-ahead log grows meanwhile; and it takes one of a few connections.
        """
        async with self._connections.held() as queried:
            yield Reader(self._connections, queried)

    async def shop(self, shop_id: int) -> ShopRow | None:
        """Look a shop up by its token id."""
        return await self._pool.run(lambda db: shops.find_shop(db, shop_id))

    async def shop_of_row(self, row_id: int) -> ShopRow | None:
        """Look a shop up by its row id."""
        return await self._pool.run(lambda db: shops.find_shop_of_row(db, row_id))

    async def shops(self) -> list[ShopRow]:
        """List all shops, in the order in which they came."""
        return await self._pool.run(shops.list_shops)

    async def key_card(self, public_key: bytes) -> KeyCard | None:
        """Look a key card up by its 33 bytes; unlinked ones are found too."""
        return await self._pool.run(lambda db: shops.find_card(db, public_key))

    async def cards(self, shop: int) -> list[KeyCard]:
        """List the key cards of a shop, in the order in which they were enrolled."""
        return await self._pool.run(lambda db: shops.list_cards(db, shop))

    async def count_guest_cards(self, shop: int) -> int:
        """Count the guest cards of a shop, unlinked ones included."""
        return await self._pool.run(lambda db: shops.count_guest_cards(db, shop))

    async def relay_signers(self) -> list[bytes]:
        """List the relay's own public keys, those that it no longer signs with included."""
        return await self._pool.run(shops.list_relay_signers)

    async def next_rows(self) -> NextRows:
        """Find the first row ids that are free."""
        return await self._pool.run(shops.next_rows)

    async def get_meta(self, key: str) -> bytes | None:
        """Look up what `Writer.put_meta` stored."""
        return await self._pool.run(lambda db: shops.get_meta(db, key))

    async def load_objects(self, shop: int) -> list[StoredObject]:
        """Read all objects of a shop, in no order that means anything."""
        return await self._pool.run(lambda db: objects.load_objects(db, shop))

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

    async def payment_transfers(self, ids: Iterable[bytes]) -> list[PaymentTransfer]:
        """Read what was observed for payment requests, by PaymentID."""
        return await self._pool.run(lambda db: payment_records.load_transfers(db, ids))

    async def list_payments(self, wanted: PaymentFilter, before: int | None = None) -> list[ListedPayment]:
        """List a page of payment requests, the newest first. before: the last row of the page before."""
        return await self._pool.run(lambda db: payment_list.list_payments(db, wanted, before))

    async def blob(self, digest: bytes) -> BlobRow | None:
        """Find a whole blob. digest: SHA-256 of its root block."""
        return await self._pool.run(lambda db: blob_rows.find_blob(db, digest))

    async def blobs(self) -> list[BlobRow]:
        """List all whole blobs."""
        return await self._pool.run(blob_rows.list_whole)

    async def blob_places(self, blob: int) -> dict[int, bytes]:
        """List which block is where in a blob, by its hash."""
        return await self._pool.run(lambda db: blob_rows.list_places(db, blob))

    async def stray_block(self) -> str | None:
        """Return which block or blob belongs to nothing, in a line; None if all do."""
        return await self._pool.run(blob_rows.find_stray)

    async def blob_part(self, blob: int, place: int, start: int, length: int) -> bytes:
        """Read a part of a blob's block. place: as in `BlobBlock`."""
        return await self._pool.run(lambda db: blob_rows.read_block(db, blob, place, start, length))

    async def unfinished_blobs(self) -> list[int]:
        """List the row ids of the blobs that are not whole."""
        return await self._pool.run(blob_rows.list_unfinished)

    async def next_blob(self) -> int:
        """Find the first row id of a blob that is free."""
        return await self._pool.run(blob_rows.next_blob)

    async def count_blocks(self, blob: int) -> int:
        """Count the blocks of a blob."""
        return await self._pool.run(lambda db: blob_rows.count_blocks(db, blob))

    async def shop_has_blob(self, shop: int, digest: bytes) -> bool:
        """Say whether a shop (row id) has a whole blob. digest: SHA-256 of its root block."""
        return await self._pool.run(lambda db: blob_rows.is_of_shop(db, shop, digest))

    async def blob_bytes(self, shop: int) -> int:
        """Return how many bytes the blobs of a shop have together."""
        return await self._pool.run(lambda db: blob_rows.sum_of_shop(db, shop))

    async def shop_blobs(self) -> Sequence[ShopBlob]:
        """List what each shop has uploaded, the oldest first."""
        return await self._pool.run(blob_rows.list_blobs)

    async def blobs_in_others(self) -> list[bytes]:
        """List the whole blobs that another one's blocks name, by the SHA-256 of their roots."""
        return await self._pool.run(blob_rows.list_parts)

    async def kept_blocks(self, after_row: int, most: int) -> list[tuple[int, bytes]]:
        """List the next blocks that were kept for orders: row and data."""
        return await self._pool.run(lambda db: blob_rows.list_kept(db, after_row, most))

    async def missing_until(self) -> int:
        """Return until when something may be missing, in epoch seconds; 0 if nothing ever was."""
        return await self._pool.run(missing_time.missing_until)

    async def unknown_payments(self, chain_id: int) -> list[UnknownPayment]:
        """Read which payments of a chain are to be asked about, since nobody knows what they are for."""
        return await self._pool.run(lambda db: missing_time.load_unknown(db, chain_id))

    async def account_checks(self) -> list[AccountCheck]:
        """Read which wallets' accounts have to be compared with the chain."""
        return await self._pool.run(account_checks.load_account_checks)

    async def accounts(self, shop_id: int, wallets: Iterable[bytes]) -> set[bytes]:
        """Return which of these wallets, 20 bytes each, have an account in a shop, by its token id."""
        return await self._pool.run(lambda db: account_checks.find_accounts(db, shop_id, wallets))

    async def alerts(self, *, with_acknowledged: bool = False) -> AlertPage:
        """List what a person has to see to, the most important first."""
        return await self._pool.run(lambda db: alerts.load_alerts(db, with_acknowledged=with_acknowledged))

    async def lasting_alerts(self) -> dict[str, bool]:
        """Return which alerts tell of something that lasts: `told_of`, and whether they are urgent."""
        return await self._pool.run(operator_alerts.load_lasting)

    async def told_alerts(self, since: int) -> list[ToldAlert]:
        """Read what was told of payment requests since a second, the first first."""
        return await self._pool.run(lambda db: alerts.load_told(db, since))

    async def alert(self, alert_id: int) -> Alert | None:
        """Look an alert up by its number."""
        return await self._pool.run(lambda db: alerts.find_alert(db, alert_id))

    async def totals(self, most_shops: int) -> Totals:
        """Count everything. most_shops: that are named, those with the longest logs."""
        return await self._pool.run(lambda db: totals.count_totals(db, most_shops))

    async def webhook_topics(self) -> frozenset[Topic]:
        """Return what the webhook is told of."""
        return await self._pool.run(webhook_events.load_topics)

    async def webhook_waiting(self, after_id: int, most: int) -> list[WaitingEvent]:
        """List the next events that the webhook has not taken yet."""
        return await self._pool.run(lambda db: webhook_events.list_waiting(db, after_id, most))

    async def webhook_least(self, most: int) -> list[int]:
        """List the events that go first when too many wait."""
        return await self._pool.run(lambda db: webhook_events.list_least(db, most))

    async def webhook_backlog(self) -> WebhookBacklog:
        """Count the events that the webhook has not taken yet."""
        return await self._pool.run(webhook_events.load_backlog)

    async def webhook_event(self, event_id: int) -> WebhookEvent | None:
        """Look an event up by its number."""
        return await self._pool.run(lambda db: webhook_events.find_event(db, event_id))

    async def tail(self, shop: int) -> tuple[int, Counts]:
        """Return the last sequence number (0: the log is empty) and what the log holds."""
        return await self._pool.run(lambda db: log.read_tail(db, shop))

    async def gaps(self, shop: int) -> tuple[Gap, ...]:
        """List the gaps of a shop's log in their order; NEW_SHOPS: the one with which new shops begin."""
        return await self._pool.run(lambda db: gaps.read_gaps(db, shop))

    async def counts_at(self, shop: int, seq: int) -> Counts:
        """Return what the log held when it ended with this sequence number; beyond its end, all of it."""
        return await self._pool.run(lambda db: log.read_counts(db, shop, seq))

    async def page(
        self,
        shop: int,
        *,
        after_seq: int,
        upto_seq: int,
        max_patches: int,
        max_bytes: int,
        max_set_bytes: int = NO_LIMIT,
    ) -> list[StoredSet]:
        """Read consecutive whole sets, leaves and counts included.

        At least one if there is one, unless the next one is larger than max_set_bytes.
        """
        return await self._pool.run(
            lambda db: log.read_sets(db, shop, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes)
        )

    async def page_wire(
        self,
        shop: int,
        *,
        after_seq: int,
        upto_seq: int,
        max_patches: int,
        max_bytes: int,
        max_set_bytes: int = NO_LIMIT,
    ) -> list[WireSet]:
        """Read consecutive whole sets for a reader who sees everything: the fastest way through the log.

        At least one if there is one, unless the next one is larger than max_set_bytes.
        """
        return await self._pool.run(
            lambda db: log.read_wires(db, shop, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes)
        )

    async def index_page(
        self,
        shop: int,
        selections: Sequence[Selection],
        sees: Callable[[Leaf], bool],
        *,
        after_seq: int,
        upto_seq: int,
        max_patches: int,
        max_bytes: int,
        max_set_bytes: int = NO_LIMIT,
    ) -> SelectedPage:
        """Read the sets of which a reader sees something; go on after `through`, until it is upto_seq.

        selections: what finds all that it sees, perhaps more. sees: says which of the patches that are found
        it sees; called in another thread. A page may be empty without being the last. max_patches counts
        those that it sees, max_bytes whole sets; a single larger set comes alone, unless it is larger than
        max_set_bytes: then `through` is the number before it, be it after_seq. Raises ValueError for an
        owner of anything but orders.
        """
        return await self._pool.run(
            lambda db: index.read_selected(
                db, shop, selections, sees, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes
            )
        )

    async def count_index(
        self, shop: int, selections: Sequence[Selection], *, after_seq: int, upto_seq: int
    ) -> int:
        """Count the selected patches, each once. Raises ValueError for an owner of anything but orders."""
        return await self._pool.run(
            lambda db: counts.count_selected(db, shop, selections, after_seq, upto_seq)
        )

    async def find_difference(self, shop: int, sets: Sequence[StoredSet]) -> str | None:
        """Return which of these sets is stored, or has its patches in the index, in another way; None: none.

        sets: as they have to be stored.
        """
        return await self._pool.run(lambda db: comparison.find_difference(db, shop, sets))

    async def find_surplus(self, shop: int, patch_count: int) -> str | None:
        """Return which row the index has beside the patches of a log, all of which it has; None: none."""
        return await self._pool.run(lambda db: comparison.find_surplus(db, shop, patch_count))

    async def find_loss(self, mark: HighWater) -> Loss | None:
        """Return what is missing of what the file beside the database remembered before; None: nothing."""
        return await self._pool.run(lambda db: high_water.compare(db, mark))

    async def find_damage(self) -> str | None:
        """Read every page of the database; say what is wrong first, None if nothing is. Takes its time."""
        return await self._pool.run(integrity.find_damage)

    async def size_bytes(self) -> int:
        """Return how large the database is."""
        return await self._pool.run(integrity.size_bytes)
