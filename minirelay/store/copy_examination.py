"""Whether a database from a stranger is one that `shop_copy` may have made, before anything else reads it.

Its log is replayed later, and what belongs to it compared with that. Here is what has to hold before: the
schema is exactly that of a version, so nothing in it runs by itself; every page is whole; no value is larger
than any may be, and no text unreadable; and all is of one shop.
"""

# ruff: noqa: S608 - the SQL is put together from the schema, which was compared before

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from minirelay.protocol.ids import UINT256_BYTES
from minirelay.store.connection import connect_to_read, connect_to_write, unavailable
from minirelay.store.errors import SchemaTooNew
from minirelay.store.integrity import find_page_damage, find_schema_difference
from minirelay.store.operator_alerts import MOST_DETAIL_BYTES
from minirelay.store.schema import (
    EXPORT_APPLICATION_ID,
    backup_before_migration,
    migrate,
    migrations,
    newest_of,
)

MOST_VALUE_BYTES: Final = 64 * 2**20
"""No column of a database of ours holds more."""

MOST_TEXT_BYTES: Final = 2**20

MOST_BLOCK_NUMBER: Final = 2**41
MOST_SECOND: Final = 253_402_300_799
"""The last of the year 9999: no calendar here goes further."""

MOST_COUNT: Final = 2**53
"""What is counted, and added to: nothing here ever comes near it."""

_SECONDS: Final = re.compile(r".*_(at|until|time)|ttl|timestamp|since|until")
_BLOCK_NUMBERS: Final = re.compile(r".*_(at_block|number)|scanned|deep|final")
_BELOW_ZERO: Final = frozenset({("blob_block", "place")})
_NO_QUANTITIES: Final = frozenset({("patch_set", "position"), ("object_piece", "position")})
"""Row ids, of which others make sure that they name a row."""

_SHOWN: Final = ("alert", "detail")
"""What is shown on a terminal as it is."""

_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
)
_COLUMNS: Final = "SELECT name, type FROM pragma_table_info(?) WHERE type IN ('TEXT', 'BLOB')"
_INTEGERS: Final = "SELECT name FROM pragma_table_info(?) WHERE type = 'INTEGER'"
_FOREIGN: Final = {
    "it has not one shop": "SELECT (SELECT count(*) FROM shop) <> 1",
    "it has more of the shop than one": "SELECT 1 FROM shop WHERE shop_id <> :shop_id",
    "it has a gap of no shop": "SELECT 1 FROM gap WHERE shop = 0",
    "it has an alert of no shop": "SELECT 1 FROM alert WHERE shop IS NULL",
    "it has a file that is not whole": "SELECT 1 FROM blob WHERE hash IS NULL",
    # Where it is on from is told by a block of it: further on, all that comes before would never be read.
    "it has a chain that was read beyond its block": """SELECT 1 FROM chain_mark AS mark
        WHERE max(scanned, deep) > coalesce(
            (SELECT max(number) FROM chain_head AS one WHERE one.chain_id = mark.chain_id), -1)""",
}
_LATER: Final = {"it has accounts of another shop": "SELECT 1 FROM account_check WHERE shop_id <> :shop_id"}


def examine_copy(path: Path, shop_id: int) -> str | None:
    """Say in a line why a database is none of `shop_copy`'s with this shop; None if it may be.

    It must have no write-ahead log. Raises SchemaTooNew.
    """
    try:
        with closing(connect_to_read(path, is_immutable=True)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_VALUE_BYTES)
            connection.execute("PRAGMA trusted_schema = OFF")
            return _examine(connection, path, shop_id.to_bytes(UINT256_BYTES))
    except sqlite3.Error as error:
        return f"it can't be read: {' '.join(str(error).split())}"


def migrate_copy(path: Path) -> None:
    """Bring a database that was examined to this version's schema. Raises StoreUnavailable."""
    try:
        with closing(connect_to_write(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            older = backup_before_migration(path, version)
            try:
                migrate(connection, path)
            finally:
                older.unlink(missing_ok=True)
    except sqlite3.Error as error:
        raise unavailable(f"migrate {path}", error) from error


def _examine(connection: sqlite3.Connection, path: Path, shop_id: bytes) -> str | None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != EXPORT_APPLICATION_ID or version < 1:
        return "it has no database of an export"
    newest = newest_of(migrations())
    if version > newest:
        raise SchemaTooNew(
            f"{path}: written by a newer minirelay (schema {version}, this one knows {newest})"
        )
    steps = [step for step in migrations() if step.number <= version]
    return (
        find_schema_difference(connection, steps)
        or _find_statistics(connection)
        or find_page_damage(connection)
        or _find_oversize(connection)
        or _find_out_of_range(connection)
        or _find_foreign(connection, shop_id)
    )


def _find_statistics(connection: sqlite3.Connection) -> str | None:
    """Find what SQLite would choose its ways by: with made-up numbers it takes the slow ones."""
    sql = "SELECT 1 FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'"
    return None if connection.execute(sql).fetchone() is None else "it has statistics, as no export does"


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [name.decode() for (name,) in connection.execute(_TABLES).fetchall()]


def _find_out_of_range(connection: sqlite3.Connection) -> str | None:
    """Find a time, block or count that can't be: a calendar, a chain or a sum would fail over it later."""
    for table in _tables(connection):
        for (name,) in connection.execute(_INTEGERS, (table,)).fetchall():
            column = name.decode()
            if (table, column) in _NO_QUANTITIES:
                continue
            least = -MOST_COUNT if (table, column) in _BELOW_ZERO else 0
            sql = f"SELECT 1 FROM {table} WHERE {column} NOT BETWEEN ? AND ? LIMIT 1"
            if connection.execute(sql, (least, _most(column))).fetchone():
                return f"{column} in {table} is no number that it can be"
    return None


def _most(column: str) -> int:
    if _SECONDS.fullmatch(column):
        return MOST_SECOND
    return MOST_BLOCK_NUMBER if _BLOCK_NUMBERS.fullmatch(column) else MOST_COUNT


def _find_oversize(connection: sqlite3.Connection) -> str | None:
    """Find a value that is too large, which SQLite refuses to read here, or a text that is none."""
    connection.text_factory = bytes
    for table in _tables(connection):
        for name, kind in connection.execute(_COLUMNS, (table,)).fetchall():
            column = name.decode()
            if kind == b"BLOB":
                connection.execute(f"SELECT max(length({column})) FROM {table}").fetchone()
                found = connection.execute(
                    f"SELECT 1 FROM {table} WHERE length({column}) > ? LIMIT 1", (MOST_VALUE_BYTES,)
                ).fetchone()
                if found:
                    return f"a value in {table} is too large"
                continue
            is_sound = _is_detail if (table, column) == _SHOWN else _is_text
            if not all(is_sound(one) for (one,) in connection.execute(f"SELECT {column} FROM {table}")):
                return f"a text in {table} can't be read"
    return None


def _is_text(value: bytes | None) -> bool:
    try:
        (value or b"").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return len(value or b"") <= MOST_TEXT_BYTES


def _is_detail(value: bytes | None) -> bool:
    text = value or b""
    return _is_text(text) and len(text) <= 4 * MOST_DETAIL_BYTES and text.decode().isprintable()


def _find_foreign(connection: sqlite3.Connection, shop_id: bytes) -> str | None:
    tables = {name for (name,) in connection.execute(_TABLES).fetchall()}
    checks = _FOREIGN | (_LATER if b"account_check" in tables else {})
    for words, sql in checks.items():
        row = connection.execute(f"SELECT coalesce(max(found), 0) FROM ({_named(sql)})", {"shop_id": shop_id})
        if row.fetchone()[0]:
            return words
    return None


def _named(sql: str) -> str:
    return f"WITH one (found) AS ({sql}) SELECT found FROM one"
