"""Whether a database file is whole: every page of it, its schema, and that nothing in it is of no shop."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from minirelay.store.checkout_integrity import find_alert_damage, find_block_damage
from minirelay.store.schema import Migration, migrate, migrations

_Check = Callable[[sqlite3.Connection], str | None]

# In an order that reads little: found in an index, but not in its table, and the like, is said by SQLite.
_SCHEMA: Final = """SELECT type || ' ' || name, sql FROM sqlite_schema
    WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name"""
_OF_NO_SHOP: Final = (
    "SELECT position >> 40 FROM patch_set WHERE position >> 40 NOT IN (SELECT id FROM shop) LIMIT 1"
)
# No log has a set 0: whoever reads one begins behind it, and would never come by.
_SET_ZERO: Final = "SELECT id FROM shop CROSS JOIN patch_set ON position = shop.id << 40 LIMIT 1"
_GAP_OF_NO_SHOP: Final = "SELECT shop FROM gap WHERE shop > 0 AND shop NOT IN (SELECT id FROM shop) LIMIT 1"
_WITHOUT_LOG: Final = """SELECT id FROM shop WHERE NOT EXISTS (SELECT 1 FROM patch_set
    WHERE position > shop.id << 40 AND position <= shop.id << 40 | 0xffffffffff) LIMIT 1"""
_OF_NO_OBJECT: Final = (
    "SELECT position >> 20 FROM object_piece WHERE position >> 20 NOT IN (SELECT row FROM object) LIMIT 1"
)


def find_damage(connection: sqlite3.Connection) -> str | None:
    """Read every page of the database; say in a line what is wrong first, None if nothing is.

    Takes about as long as reading the file twice, in one read transaction. Raises sqlite3.Error.
    """
    checks: tuple[_Check, ...] = (
        find_page_damage,
        find_schema_difference,
        _check_migrations,
        _check_references,
        find_block_damage,
        find_alert_damage,
    )
    for check in checks:
        if (damage := check(connection)) is not None:
            return damage
    return None


def size_bytes(connection: sqlite3.Connection) -> int:
    """Return how large the database is, what is still in its write-ahead log included."""
    sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    size: int = connection.execute(sql).fetchone()[0]
    return size


def find_page_damage(connection: sqlite3.Connection) -> str | None:
    """Read every page; say in a line what is wrong first, None if nothing is. Raises sqlite3.Error."""
    try:
        verdict: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # the disk, or a lock: that says nothing about what is in the file
        verdict = str(error)
    return None if verdict == "ok" else f"the file is damaged: {' '.join(verdict.split())}"


def find_schema_difference(
    connection: sqlite3.Connection, steps: Sequence[Migration] | None = None
) -> str | None:
    """Say in a line what is other in the schema than migrations make it; None if nothing is.

    steps: the migrations that were applied; None: all. Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, Path("a database in memory"), steps)
        expected = dict(fresh.execute(_SCHEMA).fetchall())
    found = dict(connection.execute(_SCHEMA).fetchall())
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            return f"the schema is not that of this version: {name} is another, or missing, or too many"
    return None


def _check_migrations(connection: sqlite3.Connection) -> str | None:
    found = connection.execute("SELECT number, name FROM migration ORDER BY number").fetchall()
    if found != [(step.number, step.name) for step in migrations()]:
        return "the record of the migrations is not that of this version"
    return None


def _check_references(connection: sqlite3.Connection) -> str | None:
    if (broken := connection.execute("PRAGMA foreign_key_check").fetchone()) is not None:
        return f"a row of {broken[0]} is of no {broken[2]}"
    if (shop := connection.execute(_OF_NO_SHOP).fetchone()) is not None:
        return f"there is a log without a shop, with the row id {shop[0]}"
    if (shop := connection.execute(_SET_ZERO).fetchone()) is not None:
        return f"there is a set with the number 0 of the shop with the row id {shop[0]}"
    if (shop := connection.execute(_GAP_OF_NO_SHOP).fetchone()) is not None:
        return f"there is a gap in the log of no shop, with the row id {shop[0]}"
    if (row := connection.execute(_OF_NO_OBJECT).fetchone()) is not None:
        return f"there are pieces of no object, with the row {row[0]}"
    if (shop := connection.execute(_WITHOUT_LOG).fetchone()) is not None:
        return f"there is a shop without a log, with the row id {shop[0]}"
    return None
