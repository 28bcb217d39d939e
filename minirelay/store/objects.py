"""The materialised objects of a shop, all at once."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Iterator, Sequence

from minirelay.protocol.objects import ObjectType
from minirelay.store.connection import snapshot
from minirelay.store.errors import StoreUnavailable
from minirelay.store.joined import cut, joined, number_list, numbers, parse_numbers
from minirelay.store.messages import StoredObject

# What is read in one step, but at least one object: SQLite joins it in memory.
STEP_OBJECTS = 4096
STEP_BYTES = 4 * 1024 * 1024

_CHOSEN = "FROM object WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row"
_LENGTHS = f"""SELECT {numbers("object_type", "owner", "key_length", "value_length")} FROM (
    SELECT object_type, owner, length(key) AS key_length, length(value) AS value_length {_CHOSEN})"""
_BYTES = f"SELECT {joined('key')}, {joined('value')} FROM (SELECT key, value {_CHOSEN})"

_TYPES = {int(object_type): object_type for object_type in ObjectType}


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
    types, owners, key_lengths, value_lengths = map(parse_numbers, texts)
    for step in _steps(key_lengths, value_lengths):
        keys, values = connection.execute(_BYTES, (number_list(rows[step]),)).fetchone()
        yield from map(
            StoredObject,
            map(_type_of, types[step]),
            cut(keys, key_lengths[step]),
            cut(values, value_lengths[step]),
            owners[step],
        )


def _type_of(number: int) -> ObjectType:
    try:
        return _TYPES[number]
    except KeyError:
        raise StoreUnavailable(f"the database has an object of the unknown type {number}") from None


def _steps(key_lengths: Sequence[int], value_lengths: Sequence[int]) -> Iterator[slice]:
    start = size = 0
    for index, (key_length, value_length) in enumerate(zip(key_lengths, value_lengths, strict=True)):
        size += key_length + value_length
        if size > STEP_BYTES and index > start:
            yield slice(start, index)
            start, size = index, key_length + value_length
    yield slice(start, len(key_lengths))
