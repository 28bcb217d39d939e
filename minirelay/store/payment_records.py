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
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.checkout_records import load_requests_of_rows
from minirelay.store.checkout_rows import AMOUNT_BYTES, CHAIN_ID_BYTES
from minirelay.store.connection import snapshot
from minirelay.store.errors import StoreUnavailable
from minirelay.store.objects import STEP_OBJECTS
from minirelay.store.one_step import cut, joined, numbers, parse_numbers
from minirelay.store.payment_rows import PaymentTransfer, TransferKind

PREFIX_BYTES: Final = 8
RESTING: Final = frozenset(
    {
        RequestState.EXPIRED,
        RequestState.LATE,
        RequestState.DUPLICATE,
        RequestState.SUPERSEDED,
        RequestState.WITHDRAWN,
        RequestState.UNPROVEN,
    }
)
"""Money for them settles no order, once they are old enough."""

UNPROVEN_LATER_S: Final = 7 * 86_400
"""An unproven one rests so much later: until then its order waits."""

_RESTS: Final = f"""chain_id = :chain AND ttl < :before - (state = 'unproven') * {UNPROVEN_LATER_S}
    AND state IN ({", ".join(sorted(repr(state.value) for state in RESTING))})"""
_PAGE: Final = f"""SELECT {numbers("row", "shop")} FROM (SELECT row, shop FROM payment_request
    WHERE is_watched = 1 AND (shop, row) > (:shop, :row) AND {{}} ORDER BY shop, row LIMIT :most)"""
_WATCHED: Final = _PAGE.format(f"chain_id = :chain AND NOT ({_RESTS})")
_RESTING: Final = _PAGE.format(_RESTS)
_PREFIXES: Final = f"""SELECT {joined(f"substr(id, 1, {PREFIX_BYTES})")} FROM payment_request
    WHERE is_watched = 1 AND {_RESTS}"""
_COUNTS: Final = "SELECT chain_id, count(*) FROM payment_request WHERE is_watched = 1 GROUP BY chain_id"
_BY_ID: Final = """WITH RECURSIVE place (start) AS (
        SELECT 1 UNION ALL SELECT start + 32 FROM place WHERE start + 32 <= length(:ids)
    ) SELECT shop, row FROM place CROSS JOIN payment_request
    ON id = CAST(substr(:ids, start, 32) AS BLOB) WHERE is_watched = 1 ORDER BY shop, row"""
_BETWEEN: Final = "SELECT row, shop FROM payment_request WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2"
_SHOP_ID: Final = "SELECT shop_id FROM shop WHERE id = ?"
_FIXED: Final = {
    "request": HASH_BYTES,
    "token": ADDRESS_BYTES,
    "block_hash": HASH_BYTES,
    "amount": AMOUNT_BYTES,
}
_NUMBERS: Final = numbers(
    "log_index",
    "block_number",
    "is_proven",
    "is_deep",
    "is_in_time",
    "length(transaction_hash)",
    "length(kind)",
    "length(chain_id)",
)
# ids: end to end, so that one statement serves any number of them.
_TRANSFERS: Final = f"""WITH RECURSIVE place (start) AS (
        SELECT 1 UNION ALL SELECT start + 32 FROM place WHERE start + 32 <= length(:ids)
    ) SELECT {_NUMBERS}, {joined("kind")}, {joined("transaction_hash")}, {joined("chain_id")},
    {joined(" || ".join(_FIXED))}
    FROM (SELECT payment_transfer.* FROM place CROSS JOIN payment_transfer
    ON request = CAST(substr(:ids, start, 32) AS BLOB))"""
_unpack_fixed: Final = struct.Struct("".join([f"{size}s" for size in _FIXED.values()])).iter_unpack

_KINDS: Final = {kind.value.encode(): kind for kind in TransferKind}
STEP_REQUESTS: Final = 256


class WatchedRequest(msgspec.Struct, frozen=True, gc=False):
    """A request for which money still matters. shop: row id. issued: of many, without what was sold."""

    shop: int
    issued: IssuedRequest


class Rests(msgspec.Struct, frozen=True):
    """Which requests of a chain rest: RESTING ones, whose TTL was before this (epoch seconds).

    Unproven ones rest UNPROVEN_LATER_S later.
    """

    chain_id: int
    before: int = 0


def load_watched(connection: sqlite3.Connection, rests: Rests) -> list[WatchedRequest]:
    """Read the requests of a chain for which money still matters, but for those that rest.

    By shop and in the order of issue.
    """
    found: list[WatchedRequest] = []
    last = (0, 0)
    with snapshot(connection):
        while True:
            page = _load_page(connection, _WATCHED, rests, last, STEP_OBJECTS)
            found += load_of_rows(connection, page)
            if len(page) < STEP_OBJECTS:
                return found
            last = page[-1]


def load_resting(
    connection: sqlite3.Connection, rests: Rests, after: tuple[int, int], most: int
) -> tuple[list[WatchedRequest], tuple[int, int]]:
    """Read the next requests that rest, and with which shop and row to go on: (0, 0) at the end."""
    with snapshot(connection):
        page = _load_page(connection, _RESTING, rests, after, most)
        return list(load_of_rows(connection, page)), page[-1] if len(page) == most else (0, 0)


def load_resting_prefixes(connection: sqlite3.Connection, rests: Rests) -> bytes:
    """Read the first PREFIX_BYTES of the PaymentIDs of those that rest, end to end."""
    (found,) = connection.execute(_PREFIXES, _given(rests)).fetchone()
    return bytes(found or b"")


def count_watched(connection: sqlite3.Connection) -> dict[int, int]:
    """Count the requests for which money still matters, by chain id."""
    return {int.from_bytes(chain_id): count for chain_id, count in connection.execute(_COUNTS)}


def find_watched(connection: sqlite3.Connection, ids: Iterable[bytes]) -> list[WatchedRequest]:
    """Find those of these requests, by PaymentID, for which money still matters."""
    with snapshot(connection):
        found = connection.execute(_BY_ID, {"ids": b"".join(ids)}).fetchall()
        return list(load_of_rows(connection, found))


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


def _given(rests: Rests) -> dict[str, object]:
    return {"chain": rests.chain_id.to_bytes(CHAIN_ID_BYTES), "before": rests.before}


def _load_page(
    connection: sqlite3.Connection, sql: str, rests: Rests, after: tuple[int, int], most: int
) -> list[tuple[int, int]]:
    """Return shops and rows."""
    given = _given(rests) | {"shop": after[0], "row": after[1], "most": most}
    texts = connection.execute(sql, given).fetchone()
    return list(zip(*map(parse_numbers, reversed(texts)), strict=True))


def load_of_rows(
    connection: sqlite3.Connection, found: Sequence[tuple[int, int]]
) -> Iterator[WatchedRequest]:
    """Read requests by shop and row, in this order, without what was sold."""
    for shop, rows in groupby(found, itemgetter(0)):
        for one in _load_of_shop(connection, shop, [row for _, row in rows]):
            # Of all that are watched, they may be more than fits into memory.
            yield WatchedRequest(shop, one.issued.without_listings())


def _load_of_shop(connection: sqlite3.Connection, shop: int, rows: Sequence[int]) -> Iterator[WatchedRequest]:
    stored = connection.execute(_SHOP_ID, (shop,)).fetchone()
    if stored is None or len(stored[0]) != UINT256_BYTES:
        raise StoreUnavailable(f"the database has payment requests of shop {shop}, which it has not")
    for issued in load_requests_of_rows(connection, int.from_bytes(stored[0]), rows):
        yield WatchedRequest(shop, issued)


def _load_transfers(connection: sqlite3.Connection, ids: Sequence[bytes]) -> Iterator[PaymentTransfer]:
    *texts, kinds, hashes, chains, fixed = connection.execute(_TRANSFERS, {"ids": b"".join(ids)}).fetchone()
    *columns, hash_lengths, kind_lengths, chain_lengths = map(parse_numbers, texts)
    yield from map(
        _make_transfer,
        cut(kinds, kind_lengths),
        cut(hashes, hash_lengths),
        cut(chains, chain_lengths),
        _unpack_fixed(fixed or b""),
        *columns,
    )


def _make_transfer(
    kind: bytes,
    transaction_hash: bytes,
    chain: bytes,
    fixed: tuple[bytes, ...],
    index: int,
    block_number: int,
    is_proven: int,
    is_deep: int,
    is_in_time: int,
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
        is_in_time=bool(is_in_time),
        chain_id=int.from_bytes(chain) if chain else None,
    )
