"""The log of a shop, read in pages."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from minirelay.store.batch import position
from minirelay.store.errors import StoreUnavailable
from minirelay.store.gaps import EDGE
from minirelay.store.messages import (
    EMPTY_COUNTS,
    MAX_SEQ,
    NO_LIMIT,
    Counts,
    Leaf,
    StoredSet,
    TypedSet,
    TypesSeen,
    WireSet,
)
from minirelay.store.one_step import cut, joined, numbers, parse_numbers
from minirelay.store.selection import type_mask

decode_leaves = msgspec.msgpack.Decoder(tuple[Leaf, ...]).decode

_COUNTS = ("listings", "tags", "orders", "accounts", "manifest", "inventory", "size_bytes")
_TOTAL = " + ".join(_COUNTS[:6])

# The sets after :after, as many as fit into :max_patches and :max_bytes, but at least one that fits into
# :max_set_bytes. The counts are cumulative, so each set tells by itself whether it still fits. :last and
# :max_sets bound what is looked at. A page never reaches over a gap, but it may begin behind one. The plus
# sign keeps SQLite from making two lookups and a sort of it.
_START = ":log + (SELECT start FROM edge)"
_NEXT_GAP = """:log + coalesce(
    (SELECT min(after) FROM gap WHERE shop = :shop AND after > (SELECT start FROM edge)), :last)"""
_BASE = "coalesce((SELECT {0} FROM patch_set WHERE position = :log + (SELECT base FROM edge)), 0)"
_PAGE = f"""(
    SELECT * FROM patch_set
    WHERE position > {_START} AND position <= min(:log + :last, {_START} + :max_sets, {_NEXT_GAP}) AND (
        +position = {_START} + 1 AND size_bytes <= {_BASE.format("size_bytes")} + :max_set_bytes OR (
            {_TOTAL} <= {_BASE.format(_TOTAL)} + :max_patches
            AND size_bytes <= {_BASE.format("size_bytes")} + :max_bytes
        )
    ) ORDER BY position
)"""
_WIRES = f"""WITH {EDGE} SELECT (SELECT start FROM edge), max(position),
    {numbers("patch_count", "length(wire)")}, {joined("wire")} FROM {_PAGE}"""
# Where the types of a set's patches tell that it is seen, or not, its leaves need not be read.
_NO_LEAVES = "x'90'"  # an empty list in MessagePack
_TYPED = f"""WITH {EDGE} SELECT (SELECT start FROM edge), max(position),
    {numbers("patch_count", "is_whole", "length(leaves)", "length(wire)")},
    {joined("leaves")}, {joined("wire")}
    FROM (
        SELECT position, patch_count, NOT types & ~:whole AS is_whole,
            CASE WHEN types & :some AND types & ~:whole THEN leaves ELSE {_NO_LEAVES} END AS leaves,
            CASE WHEN types & :some THEN wire ELSE x'' END AS wire
        FROM {_PAGE}
    )"""
# What joins the numbers would leave out a NULL.
_NO_AUTHOR = -1
_AUTHOR = f"coalesce(author, {_NO_AUTHOR})"
_SETS = f"""WITH {EDGE} SELECT (SELECT start FROM edge), max(position),
    {numbers(*_COUNTS, _AUTHOR, "length(leaves)", "length(wire)")}, {joined("leaves")}, {joined("wire")}
    FROM {_PAGE}"""


def read_tail(connection: sqlite3.Connection, shop: int) -> tuple[int, Counts]:
    """Return the last sequence number (0: the log is empty) and what the log holds."""
    return _last_until(connection, shop, MAX_SEQ)


def read_counts(connection: sqlite3.Connection, shop: int, seq: int) -> Counts:
    """Return what the log held when it ended with this sequence number; beyond its end, all of it."""
    return _last_until(connection, shop, seq)[1]


def read_wires(
    connection: sqlite3.Connection,
    shop: int,
    after_seq: int,
    upto_seq: int,
    max_patches: int,
    max_bytes: int,
    max_set_bytes: int = NO_LIMIT,
) -> list[WireSet]:
    """Read consecutive sets with nothing but what a reader of everything needs."""
    where = _bounds(shop, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes)
    start, last, counts, lengths, wires = connection.execute(_WIRES, where).fetchone()
    pieces = cut(wires, parse_numbers(lengths))
    return list(map(WireSet, _numbered(start, last, len(pieces)), parse_numbers(counts), pieces))


def read_typed(
    connection: sqlite3.Connection,
    shop: int,
    types: TypesSeen,
    after_seq: int,
    upto_seq: int,
    max_patches: int,
    max_bytes: int,
    max_set_bytes: int = NO_LIMIT,
) -> list[TypedSet]:
    """Read consecutive sets with what a reader needs who sees all of some types, and some of others.

    max_bytes: counts what is not seen, too.
    """
    whole = type_mask(types.whole)
    where = _bounds(shop, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes)
    where |= {"whole": whole, "some": whole | type_mask(types.others)}
    start, last, *texts, leaves, wires = connection.execute(_TYPED, where).fetchone()
    counts, are_whole, leaf_lengths, wire_lengths = map(parse_numbers, texts)
    return list(
        map(
            TypedSet,
            _numbered(start, last, len(counts)),
            counts,
            map(bool, are_whole),
            _decoded(cut(leaves, leaf_lengths)),
            cut(wires, wire_lengths),
        )
    )


def read_sets(
    connection: sqlite3.Connection,
    shop: int,
    after_seq: int,
    upto_seq: int,
    max_patches: int,
    max_bytes: int,
    max_set_bytes: int = NO_LIMIT,
) -> list[StoredSet]:
    """Read consecutive sets with everything that was committed of them."""
    where = _bounds(shop, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes)
    start, last, *texts, leaves, wires = connection.execute(_SETS, where).fetchone()
    *counts, authors, leaf_lengths, wire_lengths = map(parse_numbers, texts)
    pieces = cut(wires, wire_lengths)
    return list(
        map(
            StoredSet,
            _numbered(start, last, len(pieces)),
            _decoded(cut(leaves, leaf_lengths)),
            map(Counts, *counts),
            pieces,
            [None if author == _NO_AUTHOR else author for author in authors],
        )
    )


def _decoded(leaves: Iterable[bytes]) -> Iterator[tuple[Leaf, ...]]:
    try:
        yield from map(decode_leaves, leaves)
    except msgspec.DecodeError as error:
        raise StoreUnavailable(f"the leaves of a set can't be read: {error}") from error


def _numbered(start_seq: int, last_position: int | None, count: int) -> range:
    """Number the sets of a page. Raises StoreUnavailable if one is missing."""
    seqs = range(start_seq + 1, start_seq + 1 + count)
    if last_position is not None and last_position & MAX_SEQ != seqs[-1]:
        raise StoreUnavailable(f"the log has a gap between {start_seq} and {last_position & MAX_SEQ}")
    return seqs


def _bounds(
    shop: int, after_seq: int, upto_seq: int, max_patches: int, max_bytes: int, max_set_bytes: int
) -> dict[str, int]:
    return {
        "shop": shop,
        "log": position(shop, 0),
        "after": after_seq,
        "last": min(upto_seq, MAX_SEQ),
        # A set has at least one patch, so no more sets than patches can fit.
        "max_sets": max(1, max_patches),
        "max_patches": max_patches,
        "max_bytes": max_bytes,
        "max_set_bytes": max_set_bytes,
    }


def _last_until(connection: sqlite3.Connection, shop: int, seq: int) -> tuple[int, Counts]:
    sql = f"""SELECT position, {", ".join(_COUNTS)} FROM patch_set
        WHERE position BETWEEN ? AND ? ORDER BY position DESC LIMIT 1"""
    row = connection.execute(sql, (position(shop, 1), position(shop, min(seq, MAX_SEQ)))).fetchone()
    return (row[0] & MAX_SEQ, Counts(*row[1:])) if row else (0, EMPTY_COUNTS)
