"""What is stored of a shop's checkout, read back: all reservations, and the payment requests that matter.

Which orders are live is not stored. It is taken from the objects, which have to be read anyway.
"""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Final

import msgspec

from minirelay.errors import MalformedInput
from minirelay.garbage import collection_paused
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.ids import HASH_BYTES, OBJECT_ID_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.shop.checkout_records import CheckoutRecords
from minirelay.shop.issued_requests import IssuedRequest, IssuedRequests, RequestState
from minirelay.shop.live_orders import LiveOrder, LiveOrders, load_live_order
from minirelay.shop.payment_request import PaymentRequest
from minirelay.shop.reservations import Hold, Reservation, Reservations, Units
from minirelay.store.checkout_rows import AMOUNT_BYTES, CHAIN_ID_BYTES, judged_at_key
from minirelay.store.connection import snapshot
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import StoredObject
from minirelay.store.objects import STEP_OBJECTS, steps
from minirelay.store.one_step import cut, joined, number_list, numbers, parse_numbers
from minirelay.store.shops import get_meta

_FROM_RESERVATIONS: Final = "FROM (SELECT * FROM reservation WHERE shop = ? AND order_id >"
_RESERVATION_IDS: Final = f"""SELECT {numbers("length(units)")}, {joined("order_id")}
    {_FROM_RESERVATIONS} ? ORDER BY order_id LIMIT ?)"""
_RESERVATIONS: Final = f"""SELECT {numbers("card", "ends_at", "is_chosen", "hold", "extended_until")},
    {joined("units")} {_FROM_RESERVATIONS}= ? AND order_id <= ? ORDER BY order_id)"""

_BY_TTL: Final = f"SELECT {numbers('row')} FROM payment_request WHERE shop = ? AND ttl >= ?"
# ids: end to end, each :width bytes long. One statement serves any number of them.
_BY_COLUMN: Final = f"""WITH RECURSIVE place (start) AS (
        SELECT 1 UNION ALL SELECT start + :width FROM place WHERE start + :width <= length(:ids)
    ) SELECT {numbers("row")} FROM place CROSS JOIN payment_request
    ON shop = :shop AND {{column}} = CAST(substr(:ids, start, :width) AS BLOB)"""
_BY_ORDER: Final = _BY_COLUMN.format(column="order_id")
_BY_ID: Final = _BY_COLUMN.format(column="id")
_SETTLED: Final = f"""SELECT {numbers("row")} FROM payment_request
    WHERE shop = ? AND state IN (SELECT value FROM json_each(?))"""
_SETTLED_STATES: Final = msgspec.json.encode(
    [
        one.value
        for one in (RequestState.PAID, RequestState.OVER, RequestState.REVERTED, RequestState.DUPLICATE)
    ]
).decode()
_CHOSEN: Final = "FROM payment_request WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row"
_REQUEST_NUMBERS: Final = f"""SELECT {numbers("card", "ttl", "issued_at", "issued_at_block")},
    {numbers("is_dead", "is_watched", "length(CAST(region AS BLOB))", "length(listing_hashes)")},
    group_concat(state)
    FROM (SELECT * {_CHOSEN})"""
_FIXED: Final = {
    "id": HASH_BYTES,
    "order_id": OBJECT_ID_BYTES,
    "chain_id": CHAIN_ID_BYTES,
    "currency": ADDRESS_BYTES,
    "amount": AMOUNT_BYTES,
    "payee": ADDRESS_BYTES,
    "pricing_chain": CHAIN_ID_BYTES,
    "pricing_address": ADDRESS_BYTES,
    "price": AMOUNT_BYTES,
    "received": AMOUNT_BYTES,
}
_REQUEST_BYTES: Final = f"""SELECT {", ".join(map(joined, (" || ".join(_FIXED), "region", "listing_hashes")))}
    FROM (SELECT * {_CHOSEN})"""
_unpack_fixed: Final = struct.Struct("".join([f"{size}s" for size in _FIXED.values()])).iter_unpack

_HOLDS: Final = {int(hold): hold for hold in Hold}
_STATES: Final = {state.value: state for state in RequestState}

MOST_SET_BACK_S: Final = 3600

_decode_units = msgspec.msgpack.Decoder(Units).decode


class StoredCheckout(msgspec.Struct, frozen=True):
    """What is stored of a shop's checkout. reservations: by order id. requests: in the order of issue.

    judged_at: see `RecordChanges`; 0 if none was stored.
    """

    reservations: Mapping[bytes, Reservation]
    requests: tuple[IssuedRequest, ...]
    judged_at: int = 0


@collection_paused()
def find_live_orders(objects: Iterable[StoredObject]) -> dict[bytes, LiveOrder]:
    """Find the orders that are not closed, by id. It takes some 5 µs an order; not for the event loop.

    Raises StoreUnavailable for an order that can't be read.
    """
    live: dict[bytes, LiveOrder] = {}
    for one in objects:
        if one.object_type is ObjectType.ORDER:
            found = _live_order(one)
            if found is not None:
                live[one.key] = found
    return live


@collection_paused()
def make_records(live: Mapping[bytes, LiveOrder], stored: StoredCheckout, now: int) -> CheckoutRecords:
    """Make the records of a shop of what is stored. now: in epoch seconds. Not for the event loop."""
    return CheckoutRecords(
        Reservations(stored.reservations, _latest(stored, now), stored.judged_at),
        LiveOrders(live),
        IssuedRequests(stored.requests, live.__contains__),
    )


def _latest(stored: StoredCheckout, now: int) -> int:
    """Return a moment, or a later one that a write was judged at: a clock may be set back at a restart.

    A clock that was far ahead once is not believed: reservations would end by it for as long.
    """
    moments = [row.issued_at for row in stored.requests]
    believed = [one for one in (stored.judged_at, *moments) if one <= now + MOST_SET_BACK_S]
    return max(now, *believed) if believed else now


@collection_paused()
def load_checkout(
    connection: sqlite3.Connection, shop: int, shop_id: int, orders: Iterable[bytes], since: int
) -> StoredCheckout:
    """Read the reservations of a shop, and its requests for some orders or with a TTL since then.

    shop: row id. shop_id: its token id. orders: by id. since: epoch seconds.
    """
    with snapshot(connection):
        rows = set(parse_numbers(connection.execute(_BY_TTL, (shop, since)).fetchone()[0]))
        rows.update(_find_requests(connection, _BY_ORDER, OBJECT_ID_BYTES, shop, orders))
        return StoredCheckout(
            load_reservations(connection, shop),
            tuple(load_requests_of_rows(connection, shop_id, sorted(rows))),
            int.from_bytes(get_meta(connection, judged_at_key(shop)) or b""),
        )


def load_reservations(connection: sqlite3.Connection, shop: int) -> dict[bytes, Reservation]:
    """Read all reservations of a shop, by order id, those that have lapsed included. shop: row id."""
    with snapshot(connection):
        return dict(_load_reservations(connection, shop))


def load_requests(
    connection: sqlite3.Connection,
    shop: int,
    shop_id: int,
    *,
    ids: Iterable[bytes] = (),
    orders: Iterable[bytes] = (),
) -> dict[int, IssuedRequest]:
    """Read the payment requests of a shop with these ids, and of these orders, by their row."""
    with snapshot(connection):
        rows = set(_find_requests(connection, _BY_ID, HASH_BYTES, shop, ids))
        rows.update(_find_requests(connection, _BY_ORDER, OBJECT_ID_BYTES, shop, orders))
        found = sorted(rows)
        return dict(zip(found, load_requests_of_rows(connection, shop_id, found), strict=True))


def load_settled(connection: sqlite3.Connection, shop: int, shop_id: int) -> list[IssuedRequest]:
    """Read the payment requests of a shop that were paid, also those that came too much or vanished."""
    with snapshot(connection):
        rows = parse_numbers(connection.execute(_SETTLED, (shop, _SETTLED_STATES)).fetchone()[0])
        return list(load_requests_of_rows(connection, shop_id, sorted(rows)))


def list_requests(connection: sqlite3.Connection, shop: int) -> list[int]:
    """List the rows of all payment requests of a shop, in the order of issue."""
    sql = f"SELECT {numbers('row')} FROM payment_request WHERE shop = ?"
    return sorted(parse_numbers(connection.execute(sql, (shop,)).fetchone()[0]))


def _live_order(stored: StoredObject) -> LiveOrder | None:
    try:
        return load_live_order(stored.value, stored.owner)
    except MalformedInput as error:
        raise StoreUnavailable(f"the database has an order that can't be read: {error}") from error


def _load_reservations(connection: sqlite3.Connection, shop: int) -> Iterator[tuple[bytes, Reservation]]:
    after = b""
    while True:
        text, joined_ids = connection.execute(_RESERVATION_IDS, (shop, after, STEP_OBJECTS)).fetchone()
        lengths = parse_numbers(text)
        order_ids = cut(joined_ids, [OBJECT_ID_BYTES] * len(lengths))
        for step in steps([0] * len(lengths), lengths):
            if ids := order_ids[step]:
                *texts, units = connection.execute(_RESERVATIONS, (shop, ids[0], ids[-1])).fetchone()
                yield from zip(ids, _make_reservations(texts, cut(units, lengths[step])), strict=True)
        if len(order_ids) < STEP_OBJECTS:
            return
        after = order_ids[-1]


def _make_reservations(texts: list[str | None], units: list[bytes]) -> Iterator[Reservation]:
    cards, ends, are_chosen, holds, extended = map(parse_numbers, texts)
    return map(
        Reservation,
        cards,
        map(_units, units),
        ends,
        map(bool, are_chosen),
        map(_HOLDS.__getitem__, holds),
        extended,
    )


def _units(data: bytes) -> Units:
    try:
        return _decode_units(data)
    except msgspec.DecodeError as error:
        raise StoreUnavailable(f"the database has a reservation that can't be read: {error}") from error


def _find_requests(
    connection: sqlite3.Connection, sql: str, width: int, shop: int, ids: Iterable[bytes]
) -> Iterator[int]:
    left = iter(ids)
    while some := b"".join(islice(left, STEP_OBJECTS)):
        given = {"shop": shop, "ids": some, "width": width}
        yield from parse_numbers(connection.execute(sql, given).fetchone()[0])


def load_requests_of_rows(
    connection: sqlite3.Connection, shop_id: int, rows: Sequence[int]
) -> Iterator[IssuedRequest]:
    """Read the payment requests in these rows, of one shop, in their order; within a snapshot."""
    for start in range(0, len(rows), STEP_OBJECTS):
        chosen = rows[start : start + STEP_OBJECTS]
        *texts, words = connection.execute(_REQUEST_NUMBERS, (number_list(chosen),)).fetchone()
        *columns, region_lengths, hash_lengths = map(parse_numbers, texts)
        states = [_state(word) for word in words.split(",")]
        for step in steps(region_lengths, hash_lengths):
            fixed, *wholes = connection.execute(_REQUEST_BYTES, (number_list(chosen[step]),)).fetchone()
            lengths = region_lengths[step], hash_lengths[step]
            texts = [cut(whole, sizes) for whole, sizes in zip(wholes, lengths, strict=True)]
            few = [column[step] for column in columns]
            yield from map(_make_request, repeat(shop_id), _unpack_fixed(fixed), *texts, *few, states[step])


def _make_request(
    shop_id: int,
    fixed: tuple[bytes, ...],
    region: bytes,
    listing_hashes: bytes,
    card: int,
    ttl: int,
    issued_at: int,
    issued_at_block: int,
    is_dead: int,
    is_watched: int,
    state: RequestState,
) -> IssuedRequest:
    request_id, order_id, chain_id, currency, amount, payee, pricing_chain, pricing, price, received = fixed
    return IssuedRequest(
        id=request_id,
        order_id=order_id,
        card=card,
        request=PaymentRequest(
            chain_id=int.from_bytes(chain_id),
            ttl=ttl,
            currency=currency,
            amount=int.from_bytes(amount),
            payee=payee,
            shop_id=shop_id,
        ),
        pricing=(int.from_bytes(pricing_chain), pricing),
        price=int.from_bytes(price),
        region=region.decode(),
        listing_hashes=tuple(
            [listing_hashes[at : at + HASH_BYTES] for at in range(0, len(listing_hashes), HASH_BYTES)]
        ),
        issued_at=issued_at,
        issued_at_block=issued_at_block,
        state=state,
        is_dead=bool(is_dead),
        received=int.from_bytes(received),
        is_watched=bool(is_watched),
    )


def _state(word: str) -> RequestState:
    state = _STATES.get(word)
    if state is None:
        raise StoreUnavailable(f"the database has a payment request in the unknown state {word!r}")
    return state
