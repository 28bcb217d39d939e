"""What is stored beside the log, compared with what has to be there: rebuilt, and compared row by row."""

import sqlite3
from collections.abc import Iterable, Sequence

from minirelay.store.batch import index_rows, set_row
from minirelay.store.bulk_insert import Parameter
from minirelay.store.messages import StoredSet

# Statements exist for these numbers of patches; NULL, which is no row, fills them up.
_SIZES = (1, 16, 128)

_FOUND = """WITH wanted (shop, object_type, object_id, seq, leaf, owner) AS (VALUES {rows})
    SELECT count(*) FROM wanted CROSS JOIN patch_index AS found ON found.shop = wanted.shop
    AND found.object_type = wanted.object_type AND found.object_id = wanted.object_id
    AND found.seq = wanted.seq AND found.leaf = wanted.leaf AND found.owner = wanted.owner"""
_COLUMNS = len(("shop", "object_type", "object_id", "seq", "leaf", "owner"))

# Of too many rows, these can't be the log's: of a set that is not there, or of a patch that it does not have.
_STRAY = """SELECT seq, leaf FROM patch_index LEFT JOIN patch_set ON position = shop << 40 | seq
    WHERE shop = ? AND (position IS NULL OR leaf < 0 OR leaf >= patch_count) LIMIT 1"""
# And of these one is too many.
_TWICE = "SELECT seq, leaf FROM patch_index WHERE shop = ? GROUP BY seq, leaf HAVING count(*) > 1 LIMIT 1"


def find_difference(connection: sqlite3.Connection, shop: int, sets: Iterable[StoredSet]) -> str | None:
    """Find the first set whose row, or whose patches' index, is not this; None if there is none.

    sets: of one shop's log, as they have to be stored.
    """
    for one in sets:
        if (column := _different_column(connection, set_row(shop, one))) is not None:
            return f"set {one.seq}: its {column} is stored otherwise than the log says"
        if (leaf := _missing(connection, list(index_rows(shop, one)))) is not None:
            return f"set {one.seq}: the index lacks its patch {leaf}, or has another owner for it"
    return None


def find_surplus(connection: sqlite3.Connection, shop: int, patch_count: int) -> str | None:
    """Find something in the index of patches beside the patches of a shop's log; None if there is nothing.

    patch_count: of the log. Those are all in the index: see `find_difference`.
    """
    sql = "SELECT count(*) FROM patch_index WHERE shop = ?"
    if connection.execute(sql, (shop,)).fetchone()[0] == patch_count:
        return None
    found = connection.execute(_STRAY, (shop,)).fetchone() or connection.execute(_TWICE, (shop,)).fetchone()
    where = "" if found is None else f" for patch {found[1]} of set {found[0]}"
    return f"the index has more rows than the log has patches{where}"


def _different_column(connection: sqlite3.Connection, wanted: Sequence[Parameter]) -> str | None:
    cursor = connection.execute("SELECT * FROM patch_set WHERE position = ?", wanted[:1])
    found = cursor.fetchone()
    if found is None:
        return "row"
    names = [column[0] for column in cursor.description]
    return next((name for name, *two in zip(names, wanted, found, strict=True) if two[0] != two[1]), None)


def _missing(connection: sqlite3.Connection, patches: Sequence[Sequence[Parameter]]) -> int | None:
    """Find the first patch that is not in the index just so; None if all are."""
    largest = _SIZES[-1]
    for start in range(0, len(patches), largest):
        some = patches[start : start + largest]
        if not _are_there(connection, some):
            return start + next(
                place for place, patch in enumerate(some) if not _are_there(connection, [patch])
            )
    return None


def _are_there(connection: sqlite3.Connection, patches: Sequence[Sequence[Parameter]]) -> bool:
    size = next(size for size in _SIZES if size >= len(patches))
    values = [value for patch in patches for value in patch]
    values += [None] * (_COLUMNS * (size - len(patches)))
    row = f"({', '.join('?' * _COLUMNS)})"
    sql = _FOUND.format(rows=", ".join([row] * size))
    found: int = connection.execute(sql, values).fetchone()[0]
    return found == len(patches)
