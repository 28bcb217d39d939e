"""The log of a shop, read in pages."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3

import msgspec

from minirelay.store.batch import position
from minirelay.store.joined import cut, joined, numbers, parse_numbers
from minirelay.store.messages import EMPTY_COUNTS, MAX_SEQ, Counts, Leaf, StoredSet, WireSet

decode_leaves = msgspec.msgpack.Decoder(tuple[Leaf, ...]).decode

_COUNTS = ("listings", "tags", "orders", "accounts", "manifest", "inventory", "size_bytes")
_TOTAL = " + ".join(_COUNTS[:6])
_SEQ = f"position & {MAX_SEQ}"

# The sets after :after, as many as fit into :max_patches and :max_bytes, but at least one. The counts are
# cumulative, so each set tells by itself whether it still fits. :last bounds what is looked at.
_PAGE = f"""(
    WITH start (patches, bytes) AS (
        SELECT {_TOTAL}, size_bytes FROM patch_set WHERE position = :after UNION ALL SELECT 0, 0 LIMIT 1
    )
    SELECT patch_set.* FROM start CROSS JOIN patch_set
    WHERE position > :after AND position <= :last AND (
        position = :after + 1
        OR ({_TOTAL} <= start.patches + :max_patches AND size_bytes <= start.bytes + :max_bytes)
    )
    ORDER BY position
)"""
_WIRES = f"SELECT {numbers(_SEQ, 'patch_count', 'length(wire)')}, {joined('wire')} FROM {_PAGE}"
_SETS = f"""SELECT {numbers(_SEQ, *_COUNTS, "length(leaves)", "length(wire)")}, {joined("leaves")},
    {joined("wire")} FROM {_PAGE}"""


def read_tail(connection: sqlite3.Connection, shop: int) -> tuple[int, Counts]:
    """Return the last sequence number (0: the log is empty) and what the log holds."""
    return _last_until(connection, shop, MAX_SEQ)


def read_counts(connection: sqlite3.Connection, shop: int, seq: int) -> Counts:
    """Return what the log held when it ended with this sequence number; beyond its end, all of it."""
    return _last_until(connection, shop, seq)[1]


def read_wires(
    connection: sqlite3.Connection, shop: int, after_seq: int, upto_seq: int, max_patches: int, max_bytes: int
) -> list[WireSet]:
    """Read consecutive sets with nothing but what a reader of everything needs."""
    where = _bounds(shop, after_seq, upto_seq, max_patches, max_bytes)
    text, whole = connection.execute(_WIRES, where).fetchone()
    rows = parse_numbers(text)
    wires = cut(whole, rows[2::3])
    return list(map(WireSet, rows[::3], rows[1::3], wires))


def read_sets(
    connection: sqlite3.Connection, shop: int, after_seq: int, upto_seq: int, max_patches: int, max_bytes: int
) -> list[StoredSet]:
    """Read consecutive sets with everything that was committed of them."""
    where = _bounds(shop, after_seq, upto_seq, max_patches, max_bytes)
    text, whole_leaves, whole_wires = connection.execute(_SETS, where).fetchone()
    rows = parse_numbers(text)
    width = 3 + len(_COUNTS)
    leaves = cut(whole_leaves, rows[width - 2 :: width])
    wires = cut(whole_wires, rows[width - 1 :: width])
    counts = map(Counts, *(rows[column::width] for column in range(1, width - 2)))
    return list(map(StoredSet, rows[::width], map(decode_leaves, leaves), counts, wires))


def _bounds(shop: int, after_seq: int, upto_seq: int, max_patches: int, max_bytes: int) -> dict[str, int]:
    # A set has at least one patch, so no more sets than patches can fit.
    last_seq = min(upto_seq, after_seq + max(1, max_patches))
    return {
        "after": position(shop, after_seq),
        "last": position(shop, last_seq),
        "max_patches": max_patches,
        "max_bytes": max_bytes,
    }


def _last_until(connection: sqlite3.Connection, shop: int, seq: int) -> tuple[int, Counts]:
    sql = f"""SELECT {_SEQ}, {", ".join(_COUNTS)} FROM patch_set
        WHERE position BETWEEN ? AND ? ORDER BY position DESC LIMIT 1"""
    row = connection.execute(sql, (position(shop, 1), position(shop, min(seq, MAX_SEQ)))).fetchone()
    return (row[0], Counts(*row[1:])) if row else (0, EMPTY_COUNTS)
