"""Whether blocks are what their hashes say, each of a listing that was sold, and alerts of what is stored."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from minirelay.protocol.ids import HASH_BYTES
from minirelay.shop.checkout import AlertKind
from minirelay.shop.payment_alerts import PaymentAlertKind, about_request, about_stray
from minirelay.store.connection import snapshot
from minirelay.store.decimals_rows import DECIMALS_CHANGED, about_decimals_of
from minirelay.store.objects import STEP_OBJECTS, steps
from minirelay.store.one_step import cut, joined, number_list, numbers, parse_numbers
from minirelay.store.operator_alerts import OPERATOR_ALERTS
from minirelay.store.stock_rows import STOCK_HELD, about_stock_of

_LENGTHS: Final = "SELECT {numbers} FROM (SELECT * FROM {table} WHERE row > ? ORDER BY row LIMIT ?)"
_CHOSEN: Final = "FROM {table} WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row"
_HASHES_OF_REQUESTS: Final = (
    f"SELECT {joined('listing_hashes')} FROM (SELECT * {_CHOSEN.format(table='payment_request')})"
)
_BLOCKS: Final = f"""SELECT {numbers("is_served")}, {joined("hash")}, {joined("data")}
    FROM (SELECT * {_CHOSEN.format(table="block")})"""

_ALERTS: Final = f"SELECT {numbers('id')} FROM alert"
_ALERT: Final = "SELECT kind, told_of, shop, chain_id, address, request_ids FROM alert WHERE id = ?"
# Of an alert's requests, counts those that are of its shop and for its payee or currency.
_MATCHING: Final = """WITH RECURSIVE place (start) AS (
        SELECT 1 UNION ALL SELECT start + 32 FROM place WHERE start + 32 <= length(:ids)
    ) SELECT count(*) FROM place CROSS JOIN payment_request
    ON id = CAST(substr(:ids, start, 32) AS BLOB)
    WHERE shop = :shop AND chain_id {is_there} :chain_id AND {column} = :address"""
_ABOUT: Final = {
    AlertKind.WITHDRAWN_PAYEE.value: "payee",
    AlertKind.WITHDRAWN_CURRENCY.value: "currency",
    AlertKind.SUPERSEDED_WITH_MONEY.value: "payee",
    **dict.fromkeys([kind.value for kind in PaymentAlertKind], "currency"),
    # Of any currency.
    PaymentAlertKind.STRAY.value: ":address",
    PaymentAlertKind.STRAY_ELSEWHERE.value: ":address",
    # Of no requests.
    STOCK_HELD: "payee",
    DECIMALS_CHANGED: "currency",
    **dict.fromkeys(OPERATOR_ALERTS, "payee"),
}
_OF_PAYMENTS: Final = {kind.value: kind for kind in PaymentAlertKind}
_ALERT_STEP_BYTES: Final = STEP_OBJECTS * HASH_BYTES


_AlertPlace = tuple[int | None, bytes | None, bytes | None]
"""The shop's row id, a chain and an address there."""


def find_block_damage(connection: sqlite3.Connection) -> str | None:
    """Find the first block that is not what its hash says, is missing, or of nothing; None if all is well."""
    with snapshot(connection):
        wanted = set(_sold_listings(connection))
        sold = frozenset(wanted)
        for block_hash, data, is_served in _blocks(connection):
            if sha256(data).digest() != block_hash:
                return f"block 0x{block_hash.hex()} is not what its hash says"
            if block_hash not in sold and not is_served:
                return f"block 0x{block_hash.hex()} is of no listing that was sold"
            if block_hash in sold and is_served:
                return f"block 0x{block_hash.hex()} is said to be served, and is a listing that was sold"
            wanted.discard(block_hash)
    return None if not wanted else f"block 0x{min(wanted).hex()}, a listing that was sold, is not stored"


def find_alert_damage(connection: sqlite3.Connection) -> str | None:
    """Find the first alert about something that is not stored so; None if all is well."""
    with snapshot(connection):
        for row in parse_numbers(connection.execute(_ALERTS).fetchone()[0]):
            kind, told_of, shop, chain_id, address, request_ids = connection.execute(
                _ALERT, (row,)
            ).fetchone()
            place = shop, chain_id, address
            if kind not in _ABOUT:
                return f"alert {row} is of the unknown kind {kind!r}"
            if not _is_told_of(kind, told_of, place, request_ids):
                return f"alert {row} is told of something else than it is about"
            if not _fits(connection, kind, place, request_ids):
                return f"alert {row} is about other payment requests than those of its shop and place"
    return None


def _is_told_of(kind: str, told_of: str | None, place: _AlertPlace, request_ids: bytes) -> bool:
    """Return whether an alert names what it is about as it was made to. place: shop, chain and address."""
    shop, chain_id, address = place
    if kind in OPERATOR_ALERTS:
        return shop is None and (told_of or "").startswith(f"{kind}:") and request_ids == b""
    if kind == STOCK_HELD:
        is_of_shop = shop is not None and (told_of or "").startswith(about_stock_of(shop))
        return is_of_shop and request_ids == b""
    if kind == DECIMALS_CHANGED:
        if shop is not None or chain_id is None or address is None or request_ids:
            return False
        return (told_of or "").startswith(about_decimals_of((int.from_bytes(chain_id), address)))
    if kind not in _OF_PAYMENTS:
        return told_of is None and request_ids != b""
    if not request_ids:
        # It stands for others, of which it has only the number.
        return told_of is not None and told_of.startswith(f"{kind}:more:")
    if kind == PaymentAlertKind.STRAY.value and told_of == about_stray(request_ids, address or b""):
        return True
    if kind == PaymentAlertKind.STRAY_ELSEWHERE.value:
        return told_of == about_stray(request_ids, address or b"", int.from_bytes(chain_id or b""))
    return told_of == about_request(_OF_PAYMENTS[kind], request_ids)


def _fits(connection: sqlite3.Connection, kind: str, place: _AlertPlace, request_ids: bytes) -> bool:
    shop, chain_id, address = place
    is_there = "<>" if kind == PaymentAlertKind.STRAY_ELSEWHERE.value else "="
    sql, found = _MATCHING.format(column=_ABOUT[kind], is_there=is_there), 0
    for start in range(0, len(request_ids), _ALERT_STEP_BYTES):
        ids = request_ids[start : start + _ALERT_STEP_BYTES]
        given = {"ids": ids, "shop": shop, "chain_id": chain_id, "address": address}
        found += connection.execute(sql, given).fetchone()[0]
    return found == len(request_ids) // HASH_BYTES


def _sold_listings(connection: sqlite3.Connection) -> Iterator[bytes]:
    for rows, lengths in _pieces(connection, "payment_request", "listing_hashes"):
        (hashes,) = connection.execute(_HASHES_OF_REQUESTS, (number_list(rows),)).fetchone()
        yield from cut(hashes, [HASH_BYTES] * (sum(lengths) // HASH_BYTES))


def _blocks(connection: sqlite3.Connection) -> Iterator[tuple[bytes, bytes, int]]:
    for rows, lengths in _pieces(connection, "block", "data"):
        served, hashes, data = connection.execute(_BLOCKS, (number_list(rows),)).fetchone()
        yield from zip(
            cut(hashes, [HASH_BYTES] * len(rows)), cut(data, lengths), parse_numbers(served), strict=True
        )


def _pieces(connection: sqlite3.Connection, table: str, column: str) -> Iterator[tuple[list[int], list[int]]]:
    """Go through the rows of a table in pieces that can be read in one step, each with a column's length."""
    sql, after = _LENGTHS.format(numbers=numbers("row", f"length({column})"), table=table), 0
    while True:
        texts = connection.execute(sql, (after, STEP_OBJECTS)).fetchone()
        rows, lengths = map(parse_numbers, texts)
        if not rows:
            return
        for step in steps([0] * len(rows), lengths):
            yield rows[step], lengths[step]
        after = rows[-1]
