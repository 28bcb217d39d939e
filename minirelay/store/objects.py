"""The materialised objects of a shop, all at once."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice

from minirelay.garbage import collection_paused
from minirelay.protocol.objects import ObjectType
from minirelay.store.connection import snapshot
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import PIECE_BYTES, StoredObject
from minirelay.store.one_step import cut, joined, number_list, numbers, parse_numbers

# What is read in one step, but at least one object: SQLite joins it in memory.
STEP_OBJECTS = 4096
STEP_BYTES = 4 * 1024 * 1024

_CHOSEN = "FROM object WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row"
_LENGTHS = f"""SELECT {numbers("object_type", "owner", "key_length", "value_length", "pieces")} FROM (
    SELECT object_type, owner, length(key) AS key_length, length(value) AS value_length, pieces {_CHOSEN})"""
_BYTES = f"SELECT {joined('key')}, {joined('value')} FROM (SELECT key, value {_CHOSEN})"
_PIECES = f"""SELECT {numbers("position", "length")}, {joined("value")} FROM (
    SELECT position, length(value) AS length, value
    FROM (SELECT row {_CHOSEN}) AS chosen CROSS JOIN object_piece
    WHERE position > chosen.row << 20 AND position <= (chosen.row << 20 | 0xfffff) ORDER BY position)"""

_TYPES = {int(object_type): object_type for object_type in ObjectType}


@collection_paused()
def load_objects(connection: sqlite3.Connection, shop: int) -> list[StoredObject]:
    """Read all objects of a shop, in the order in which they lie in the file."""
    objects: list[StoredObject] = []
    with snapshot(connection):
        sql = f"SELECT {numbers('row')} FROM object WHERE shop = ?"
        rows = sorted(parse_numbers(connection.execute(sql, (shop,)).fetchone()[0]))
        for start in range(0, len(rows), STEP_OBJECTS):
            objects += _load(connection, rows[start : start + STEP_OBJECTS])
    return objects


def _load(connection: sqlite3.Connection, rows: Sequence[int]) -> Iterator[StoredObject]:
    texts = connection.execute(_LENGTHS, (number_list(rows),)).fetchone()
    types, owners, key_lengths, value_lengths, piece_counts = map(parse_numbers, texts)
    whole_lengths = [
        length + count * PIECE_BYTES for length, count in zip(value_lengths, piece_counts, strict=True)
    ]
    for step in steps(key_lengths, whole_lengths):
        keys, values = connection.execute(_BYTES, (number_list(rows[step]),)).fetchone()
        first = cut(values, value_lengths[step])
        yield from map(
            StoredObject,
            map(_type_of, types[step]),
            cut(keys, key_lengths[step]),
            _join_pieces(connection, rows[step], piece_counts[step], first),
            owners[step],
        )


def _type_of(number: int) -> ObjectType:
    try:
        return _TYPES[number]
    except KeyError:
        raise StoreUnavailable(f"the database has an object of the unknown type {number}") from None


def _join_pieces(
    connection: sqlite3.Connection, rows: Sequence[int], counts: Sequence[int], first: list[bytes]
) -> list[bytes]:
    """Put objects together. counts: how many pieces each has behind its first. Raises StoreUnavailable."""
    large = [
        (place, row, count) for place, (row, count) in enumerate(zip(rows, counts, strict=True)) if count
    ]
    if not large:
        return first
    chosen = number_list(row for _, row, _ in large)
    *texts, whole = connection.execute(_PIECES, (chosen,)).fetchone()
    positions, lengths = map(parse_numbers, texts)
    if len(positions) != sum(count for _, _, count in large) or positions != [
        row << 20 | number for _, row, count in large for number in range(1, count + 1)
    ]:
        raise StoreUnavailable("the database lacks pieces of large objects, or has too many")
    pieces = iter(cut(whole, lengths))
    values = list(first)
    for place, _, count in large:
        values[place] = b"".join((values[place], *islice(pieces, count)))
    return values


def steps(key_lengths: Sequence[int], value_lengths: Sequence[int]) -> Iterator[slice]:
    start = size = 0
    for index, (key_length, value_length) in enumerate(zip(key_lengths, value_lengths, strict=True)):
        size += key_length + value_length
        if size > STEP_BYTES and index > start:
            yield slice(start, index)
            start, size = index, key_length + value_length
    yield slice(start, len(key_lengths))
