"""One shop of a database, copied into a database of its own while a relay may be writing (spec 09, "export").

Row by row inside SQLite: no more is in memory than a row and SQLite's cache, however large the shop is.
"""

# ruff: noqa: S608 - the SQL is put together from the schema and from constants of this room

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from minirelay.protocol.ids import UINT256_BYTES
from minirelay.store import blob_rows
from minirelay.store.chain_rows import LOOKED_AT
from minirelay.store.checkout_rows import judged_at_key
from minirelay.store.connection import closed_on_error, connect_to_read, connect_to_write, unavailable
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import BlobRow, ShopRow
from minirelay.store.schema import APPLICATION_ID, EXPORT_APPLICATION_ID, check_current, migrate
from minirelay.store.shop_tables import SHOP_TABLES, ShopTable

_BLOB_TABLES: Final = ("block", "blob", "blob_block")
_BLOCKS: Final = ShopTable(
    "block", "row IN (SELECT block FROM source.blob_block WHERE blob IN (SELECT blob FROM temp.wanted_blob))"
)
_OBJECTS: Final = "SELECT row, key, value, pieces FROM main.object"
_PIECES: Final = """SELECT value FROM main.object_piece
    WHERE position > ? << 20 AND position <= (? << 20 | 0xfffff) ORDER BY position"""
_OWN_BLOBS: Final = """SELECT blob.row, hash, size, media_type FROM source.shop_blob
    JOIN source.blob ON blob.row = shop_blob.blob WHERE shop = ? AND hash IS NOT NULL"""
_ONE_BLOB: Final = "SELECT row, hash, size, media_type FROM source.blob WHERE hash = ?"
_PART: Final = """SELECT substr(data, ? + 1, ?) FROM source.blob_block
    JOIN source.block ON block.row = blob_block.block WHERE blob = ? AND place = ?"""
_WHOSE: Final = """INSERT INTO main.shop_blob (shop, blob, uploaded_at)
    SELECT :shop, blob, coalesce(max(CASE WHEN shop = :shop THEN uploaded_at END), min(uploaded_at))
    FROM source.shop_blob WHERE blob IN (SELECT blob FROM temp.wanted_blob) GROUP BY blob"""
# Where reading goes on, and the newest block that was known there: by that it shows if it is another chain.
_MARKS: Final = """INSERT INTO main.chain_mark SELECT chain_id, min(scanned, head), min(deep, head), 0, 0
    FROM (SELECT mark.*, coalesce(
        (SELECT max(number) FROM source.chain_head AS one
         WHERE one.chain_id = mark.chain_id AND number <= mark.deep),
        (SELECT min(number) FROM source.chain_head AS one WHERE one.chain_id = mark.chain_id)
    ) AS head FROM source.chain_mark AS mark) WHERE head IS NOT NULL"""
_HEADS: Final = """INSERT INTO main.chain_head SELECT one.* FROM source.chain_head AS one
    JOIN main.chain_mark AS mark ON mark.chain_id = one.chain_id WHERE number = coalesce(
        (SELECT max(number) FROM source.chain_head AS two
         WHERE two.chain_id = mark.chain_id AND number <= mark.deep),
        (SELECT min(number) FROM source.chain_head AS two WHERE two.chain_id = mark.chain_id))"""
_META: Final = "INSERT INTO main.meta SELECT key, value FROM source.meta WHERE key = ? OR key GLOB ?"
_SIZE: Final = """SELECT coalesce((SELECT max(size_bytes) FROM patch_set
        WHERE position > :shop << 40 AND position < :shop + 1 << 40), 0)
    + (SELECT coalesce(sum(length(value) + 4096 * pieces), 0) FROM object WHERE shop = :shop)"""


class ShopCopy:
    """A copy that is being made, of one moment of the database."""

    def __init__(self, connection: sqlite3.Connection, shop: ShopRow) -> None:
        """connection: to the copy, with the database attached, in a transaction. For `copying_shop`."""
        self._connection = connection
        self._shop = shop

    def objects(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through the keys and values of the shop's objects."""
        for row, key, value, pieces in self._connection.execute(_OBJECTS):
            rest = self._connection.execute(_PIECES, (row, row)) if pieces else ()
            yield key, b"".join((value, *[piece for (piece,) in rest]))

    def sold_listings(self) -> Iterator[bytes]:
        """Go through the listings as they were sold."""
        for (data,) in self._connection.execute("SELECT data FROM main.block"):
            yield data

    def uploaded(self) -> list[BlobRow]:
        """List the blobs that were uploaded for the shop."""
        return [BlobRow(*row) for row in self._connection.execute(_OWN_BLOBS, (self._shop.row_id,))]

    def find_blobs(self, digests: Iterable[bytes]) -> list[BlobRow]:
        """Find whole blobs, whoever uploaded them; those that are not there are left out."""
        found = (self._connection.execute(_ONE_BLOB, (digest,)).fetchone() for digest in digests)
        return [BlobRow(*row) for row in found if row is not None]

    def read_blob(self, blob: BlobRow, place: int, start: int, length: int) -> bytes:
        """Read a part of a blob's block. place: as in `BlobBlock`. Raises StoreUnavailable."""
        row = self._connection.execute(_PART, (start, length, blob.row, place)).fetchone()
        if row is None or len(row[0]) != length:
            raise StoreUnavailable("the database lacks a part of a blob")
        data: bytes = row[0]
        return data

    def take_blobs(self, blobs: Iterable[BlobRow]) -> None:
        """Copy these blobs as well, each once; to be called once."""
        rows = [(blob.row,) for blob in blobs]
        self._connection.executemany("INSERT INTO temp.wanted_blob VALUES (?)", rows)
        for table in (_BLOCKS, *[one for one in SHOP_TABLES if one.name in _BLOB_TABLES[1:]]):
            _copy(self._connection, table, self._shop)
        self._connection.execute(_WHOSE, {"shop": self._shop.row_id})


@contextmanager
def copying_shop(database: Path, draft: Path, shop: ShopRow) -> Iterator[ShopCopy]:
    """Copy a shop into a new database; the block says which blobs go with it.

    Another relay may be writing to the database: it is read in one go. The draft is private to the user (mode
    0600) and not synced. Raises StoreError; what is left of the draft is of no use.
    """
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        with closing(_open_draft(database, draft)) as connection:
            connection.execute("BEGIN")
            for table in SHOP_TABLES:
                if table.name not in _BLOB_TABLES[1:]:
                    _copy(connection, table, shop)
            connection.execute(_META, (judged_at_key(shop.row_id), f"{LOOKED_AT}[0-9]*"))
            connection.execute("DELETE FROM main.meta WHERE key GLOB ?", (f"{LOOKED_AT}*/*",))
            connection.execute(_MARKS)
            connection.execute(_HEADS)
            yield ShopCopy(connection, shop)
            connection.execute("COMMIT")
    except (OSError, sqlite3.Error) as error:
        raise unavailable(f"copy the shop into {draft}", error) from error


def estimate_size(database: Path, shop: ShopRow) -> int:
    """Estimate how many bytes an export takes. Raises StoreError."""
    try:
        with closing(connect_to_read(database)) as connection:
            check_current(connection, database)
            size: int = connection.execute(_SIZE, {"shop": shop.row_id}).fetchone()[0]
            return 2 * size + blob_rows.sum_of_shop(connection, shop.row_id)
    except sqlite3.Error as error:
        raise unavailable(f"read {database}", error) from error


def keep_signers(draft: Path, keys: Iterable[bytes]) -> None:
    """Leave only these keys of the relay's in a copy, and mark it as an export: no relay opens it then."""
    try:
        with closing(connect_to_write(draft)) as connection:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("CREATE TEMP TABLE signer (public_key BLOB PRIMARY KEY)")
            connection.executemany("INSERT INTO temp.signer VALUES (?)", [(key,) for key in keys])
            connection.execute(
                "DELETE FROM main.relay_signer WHERE public_key NOT IN (SELECT public_key FROM temp.signer)"
            )
            connection.execute(f"PRAGMA application_id = {EXPORT_APPLICATION_ID}")
    except sqlite3.Error as error:
        raise unavailable(f"write {draft}", error) from error


def unmark(draft: Path) -> None:
    """Let a database that is marked as an export be one that this room opens. Raises StoreUnavailable."""
    try:
        with closing(connect_to_write(draft)) as connection:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except sqlite3.Error as error:
        raise unavailable(f"write {draft}", error) from error


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """List the columns of a table of `main`, in their order."""
    sql = "SELECT name FROM pragma_table_info(?, 'main')"
    return [name for (name,) in connection.execute(sql, (table,))]


def _open_draft(database: Path, draft: Path) -> sqlite3.Connection:
    with closing(connect_to_read(database)) as source:
        check_current(source, database)
    connection = connect_to_write(draft)
    with closed_on_error(connection):
        # A draft that is not finished is thrown away.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        migrate(connection, draft)
        connection.execute("CREATE TEMP TABLE wanted_blob (blob INTEGER PRIMARY KEY)")
        connection.execute("ATTACH ? AS source", (f"{database.absolute().as_uri()}?mode=ro",))
    return connection


def _copy(connection: sqlite3.Connection, table: ShopTable, shop: ShopRow) -> None:
    columns = ", ".join(columns_of(connection, table.name))
    unless_there = " ON CONFLICT DO NOTHING" if table.unless_there else ""
    connection.execute(
        f"INSERT INTO main.{table.name} ({columns}) "
        f"SELECT {columns} FROM source.{table.name} WHERE {table.rows}{unless_there}",
        {"shop": shop.row_id, "shop_id": shop.shop_id.to_bytes(UINT256_BYTES)},
    )
