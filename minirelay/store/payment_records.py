"""What is stored of payments, read back: which requests are watched, and what was observed for them."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.ids import HASH_BYTES, UINT256_BYTES
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.store.checkout_records import load_requests_of_rows
from minirelay.store.checkout_rows import AMOUNT_BYTES
from minirelay.store.connection import snapshot
from minirelay.store.errors import StoreUnavailable
from minirelay.store.objects import STEP_OBJECTS
from minirelay.store.one_step import cut, joined, numbers, parse_numbers
from minirelay.store.payment_rows import PaymentTransfer, TransferKind

_WATCHED: Final = f"""SELECT {numbers("row", "shop")} FROM (SELECT row, shop FROM payment_request
    WHERE is_watched = 1 AND (shop, row) > (?, ?) ORDER BY shop, row LIMIT ?)"""
_BETWEEN: Final = "SELECT row, shop FROM payment_request WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2"
_SHOP_ID: Final = "SELECT shop_id FROM shop WHERE id = ?"
_FIXED: Final = {
    "request": HASH_BYTES,
    "token": ADDRESS_BYTES,
    "block_hash": HASH_BYTES,
    "amount": AMOUNT_BYTES,
}
_NUMBERS: Final = numbers(
    "log_index", "block_number", "is_proven", "is_deep", "length(transaction_hash)", "length(kind)"
)
# ids: end to end, so that one statement serves any number of them.
_TRANSFERS: Final = f"""WITH RECURSIVE place (start) AS (
        SELECT 1 UNION ALL SELECT start + 32 FROM place WHERE start + 32 <= length(:ids)
    ) SELECT {_NUMBERS}, {joined("kind")}, {joined("transaction_hash")}, {joined(" || ".join(_FIXED))}
    FROM (SELECT payment_transfer.* FROM place CROSS JOIN payment_transfer
    ON request = CAST(substr(:ids, start, 32) AS BLOB))"""
_unpack_fixed: Final = struct.Struct("".join([f"{size}s" for size in _FIXED.values()])).iter_unpack

_KINDS: Final = {kind.value.encode(): kind for kind in TransferKind}
STEP_REQUESTS: Final = 256


class WatchedRequest(msgspec.Struct, frozen=True, gc=False):
    """A request for which money still matters. shop: row id. issued: of many, without what was sold."""

    shop: int
    issued: IssuedRequest


def load_watched(connection: sqlite3.Connection) -> list[WatchedRequest]:
    """Read the requests of all shops for which money still matters, by shop and in the order of issue."""
    with snapshot(connection):
        return list(_load_watched(connection))


def find_requests(connection: sqlite3.Connection, first: bytes, last: bytes) -> list[WatchedRequest]:
    """Find requests by their PaymentIDs, from the first to the last: two at most, so several can be told."""
    with snapshot(connection):
        found = connection.execute(_BETWEEN, (first, last)).fetchall()
        return [one for row, shop in found for one in _load_of_shop(connection, shop, [row])]


def load_transfers(connection: sqlite3.Connection, ids: Iterable[bytes]) -> list[PaymentTransfer]:
    """Read what was observed for requests, by PaymentID."""
    wanted = list(ids)
    with snapshot(connection):
        return [
            one
            for start in range(0, len(wanted), STEP_REQUESTS)
            for one in _load_transfers(connection, wanted[start : start + STEP_REQUESTS])
        ]


def _load_watched(connection: sqlite3.Connection) -> Iterator[WatchedRequest]:
    last = (0, 0)
    while True:
        texts = connection.execute(_WATCHED, (*last, STEP_OBJECTS)).fetchone()
        found = list(zip(*map(parse_numbers, reversed(texts)), strict=True))
        for shop, rows in groupby(found, itemgetter(0)):
            for one in _load_of_shop(connection, shop, [row for _, row in rows]):
                # Of all that are watched, they may be more than fits into memory.
                yield WatchedRequest(shop, one.issued.without_listings())
        if len(found) < STEP_OBJECTS:
            return
        last = found[-1]


def _load_of_shop(connection: sqlite3.Connection, shop: int, rows: Sequence[int]) -> Iterator[WatchedRequest]:
    stored = connection.execute(_SHOP_ID, (shop,)).fetchone()
    if stored is None or len(stored[0]) != UINT256_BYTES:
        raise StoreUnavailable(f"the database has payment requests of shop {shop}, which it has not")
    for issued in load_requests_of_rows(connection, int.from_bytes(stored[0]), rows):
        yield WatchedRequest(shop, issued)


def _load_transfers(connection: sqlite3.Connection, ids: Sequence[bytes]) -> Iterator[PaymentTransfer]:
    *texts, kinds, hashes, fixed = connection.execute(_TRANSFERS, {"ids": b"".join(ids)}).fetchone()
    *columns, hash_lengths, kind_lengths = map(parse_numbers, texts)
    yield from map(
        _make_transfer,
        cut(kinds, kind_lengths),
        cut(hashes, hash_lengths),
        _unpack_fixed(fixed or b""),
        *columns,
    )


def _make_transfer(
    kind: bytes,
    transaction_hash: bytes,
    fixed: tuple[bytes, ...],
    index: int,
    block_number: int,
    is_proven: int,
    is_deep: int,
) -> PaymentTransfer:
    request_id, token, block_hash, amount = fixed
    if kind not in _KINDS:
        raise StoreUnavailable(f"the database has an observed payment of the unknown kind {kind!r}")
    return PaymentTransfer(
        request_id=request_id,
        kind=_KINDS[kind],
        token=token,
        amount=int.from_bytes(amount),
        block=BlockId(block_number, block_hash),
        transaction_hash=transaction_hash,
        index=index,
        is_proven=bool(is_proven),
        is_deep=bool(is_deep),
    )
