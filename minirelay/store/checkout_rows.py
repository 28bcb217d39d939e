"""What a write changed of a shop's checkout, as rows of its transaction (spec 06).

They are a `batch.Writable`: what hands a commit to the writer gives them along in `Commit.further`, so that
they are stored with its sets, or not at all. `checkout_records` reads them back.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from minirelay.protocol.ids import HASH_BYTES, UINT256_BYTES
from minirelay.shop.checkout import CheckoutAlert, CheckoutOutcome
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.payment_details import ListingSnapshot
from minirelay.shop.reservations import Reservation
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind, Parameter

CHAIN_ID_BYTES: Final = 8
SECOND_BYTES: Final = 8
AMOUNT_BYTES: Final = UINT256_BYTES
_UNITS_BYTES: Final = 24
_REQUEST_BYTES: Final = 512
_PAID: Final = frozenset({RequestState.PAID, RequestState.OVER})

encode_units = msgspec.msgpack.Encoder().encode


class CheckoutRows(msgspec.Struct, frozen=True):
    """What one accepted set causes beside patches, to be put into `Commit.further`.

    shop: row id. raised_at: of the alerts, epoch seconds. It has no epoch of its own: the commit's counts.
    """

    shop: int
    records: RecordChanges
    snapshots: tuple[ListingSnapshot, ...]
    alerts: tuple[CheckoutAlert, ...]
    raised_at: int

    @classmethod
    def of(cls, shop: int, outcome: CheckoutOutcome, now: int) -> "tuple[CheckoutRows, ...]":
        """Make what there is to store of an outcome, for `further`: one of them, or none.

        shop: row id. now: epoch seconds.
        """
        records = outcome.records
        if not (records.reservations or records.requests or records.closed or outcome.alerts):
            # Snapshots come with requests; which orders are live, the objects tell.
            return ()
        return (cls(shop, records, outcome.snapshots, outcome.alerts, now),)

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        records = self.records
        reserved = sum([len(row.units) for row in records.reservations.values() if row is not None])
        hashes = sum([HASH_BYTES * len(records.requests[one].listing_hashes) for one in records.issued])
        blocks = sum([len(one.data) + ROW_BYTES for one in self.snapshots])
        alerts = sum([HASH_BYTES * len(one.request_ids) + ROW_BYTES for one in self.alerts])
        rows = 1 + len(records.reservations) + len(records.requests) + len(records.closed)
        issued = len(records.issued) * _REQUEST_BYTES
        return rows * ROW_BYTES + reserved * _UNITS_BYTES + issued + hashes + blocks + alerts

    @property
    def epoch(self) -> None:
        """Return None: they are part of a commit, which is judged on a state."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put the rows in. Raises ValueError or OverflowError for what no row can hold."""
        records = self.records
        if records.reservations or records.closed:
            batch.put(
                Kind.META_LATEST, (judged_at_key(self.shop),), records.judged_at.to_bytes(SECOND_BYTES, "big")
            )
        for order_id, reservation in self._reservations():
            if reservation is None:
                batch.put(Kind.NO_RESERVATION, (self.shop, order_id))
            else:
                values = reservation_values(reservation)
                batch.put(Kind.RESERVATION, (self.shop, order_id), *values)
        for request_id, request in records.requests.items():
            if request_id in records.issued:
                batch.insert(Kind.PAYMENT_REQUEST, *_request_row(self.shop, request))
            else:
                batch.put(Kind.REQUEST_STATE, (request_id,), *_state_values(request))
        for snapshot in self.snapshots:
            batch.put(Kind.BLOCK, (snapshot.hash,), snapshot.data, False)
        for alert in self.alerts:
            batch.insert(Kind.ALERT, *_alert_row(self.shop, alert, self.raised_at))
        for order_id in self._canceled():
            batch.put(Kind.CANCELED_ORDER, (self.shop, order_id))

    def _canceled(self) -> list[bytes]:
        """List the orders that were closed, but for those that are closed by being paid."""
        requests = self.records.requests.values()
        paid = {one.order_id for one in requests if one.state in _PAID}
        return [order_id for order_id in self.records.closed if order_id not in paid]

    def _reservations(self) -> Iterator[tuple[bytes, Reservation | None]]:
        yield from self.records.reservations.items()
        for order_id in self.records.closed:
            # What lapsed is forgotten in memory first, and stored until its order is closed.
            if order_id not in self.records.reservations:
                yield order_id, None


def judged_at_key(shop: int) -> str:
    """Name the row of `meta` with the latest second that a shop's reservations were judged at."""
    return f"reservations judged at/{shop}"


def reservation_values(row: Reservation) -> tuple[Parameter, ...]:
    """Write the columns of a reservation behind its key."""
    units = encode_units(row.units)
    return row.card, units, row.ends_at, row.is_chosen, int(row.hold), row.extended_until


def _state_values(one: IssuedRequest) -> tuple[Parameter, ...]:
    received = one.received.to_bytes(AMOUNT_BYTES, "big")
    return one.state.value, one.is_dead, received, one.is_watched


def _request_row(shop: int, one: IssuedRequest) -> tuple[Parameter, ...]:
    request = one.request
    fixed = (
        one.id,
        one.order_id,
        request.chain_id.to_bytes(CHAIN_ID_BYTES, "big"),
        request.currency,
        request.amount.to_bytes(AMOUNT_BYTES, "big"),
        request.payee,
        one.pricing[0].to_bytes(CHAIN_ID_BYTES, "big"),
        one.pricing[1],
        one.price.to_bytes(AMOUNT_BYTES, "big"),
    )
    return (
        shop,
        one.card,
        b"".join(fixed),
        request.ttl,
        one.region,
        b"".join(one.listing_hashes),
        one.issued_at,
        one.issued_at_block,
        one.state.value,
        one.is_dead,
    )


def _alert_row(shop: int, alert: CheckoutAlert, raised_at: int) -> tuple[Parameter, ...]:
    chain_id, address = alert.place
    return (
        alert.kind.value,
        shop,
        chain_id.to_bytes(CHAIN_ID_BYTES, "big"),
        address,
        b"".join(alert.request_ids),
        raised_at,
    )
