"""Blobs as rows: what uploads write, block by block, and how they are found and read (spec 08, "Blobs")."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from minirelay.protocol.ids import HASH_BYTES
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import BlobRow, ShopBlob
from minirelay.store.one_step import cut, joined, numbers, parse_numbers

COUNTED_BYTES: Final = 4096
"""A smaller file counts as this in the sums of shops: its rows, and it itself, take a page."""

_FIND: Final = "SELECT row, hash, size, media_type FROM blob WHERE hash = ?"
_READ: Final = """SELECT substr(data, ? + 1, ?) FROM blob_block JOIN block ON block.row = blob_block.block
    WHERE blob = ? AND place = ?"""
_UNFINISHED: Final = f"SELECT {numbers('row')} FROM blob WHERE hash IS NULL"
_NEXT: Final = "SELECT coalesce(max(row), 0) + 1 FROM blob"
_SUM: Final = f"""SELECT coalesce(sum(max(size, {COUNTED_BYTES})), 0)
    FROM shop_blob JOIN blob ON blob.row = blob WHERE shop = ?"""
_IS_OF_SHOP: Final = """SELECT EXISTS (SELECT 1 FROM blob JOIN shop_blob ON shop_blob.blob = blob.row
    WHERE hash = ? AND shop = ?)"""
_COUNT_BLOCKS: Final = "SELECT count(*) FROM blob_block WHERE blob = ?"
_ALL: Final = f"""SELECT {numbers("row", "size")}, {joined("hash")}, group_concat(media_type)
    FROM (SELECT * FROM blob WHERE hash IS NOT NULL ORDER BY row)"""
_PLACES: Final = f"""SELECT {numbers("place")}, {joined("hash")}
    FROM (SELECT place, hash FROM blob_block JOIN block ON block.row = blob_block.block
    WHERE blob = ? ORDER BY place)"""
_STRAY: Final = """SELECT hash FROM block WHERE is_served = 1
    AND NOT EXISTS (SELECT 1 FROM blob_block WHERE block = block.row) LIMIT 1"""
_OF_NO_SHOP: Final = """SELECT hash FROM blob WHERE hash IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM shop_blob WHERE blob = blob.row) LIMIT 1"""
_PARTS: Final = f"""SELECT count(*), {joined("hash")} FROM blob AS part WHERE hash IS NOT NULL AND EXISTS
    (SELECT 1 FROM block JOIN blob_block ON blob_block.block = block.row
    JOIN blob ON blob.row = blob_block.blob
    WHERE block.hash = part.hash AND blob.row <> part.row AND blob.hash IS NOT NULL)"""
# Not by is_served, which stands behind the data of each row.
_KEPT: Final = f"""SELECT {numbers("row", "length(data)")}, {joined("data")} FROM (SELECT row, data FROM block
    WHERE row > ? AND NOT EXISTS (SELECT 1 FROM blob_block WHERE block = block.row) ORDER BY row LIMIT ?)"""
_LIST: Final = f"""SELECT {numbers("shop", "size", "uploaded_at")}, {joined("hash")},
    group_concat(media_type) FROM (SELECT shop, size, uploaded_at, hash, media_type
    FROM shop_blob JOIN blob ON blob.row = shop_blob.blob WHERE hash IS NOT NULL
    ORDER BY uploaded_at, shop, hash)"""

_READ_BYTES: Final = 64 * 1024


class _JudgedOnNothing(msgspec.Struct, frozen=True):
    """Rows that hold whatever the state of a shop is."""

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        return ROW_BYTES

    @property
    def epoch(self) -> None:
        """Return None: no state was asked."""
        return None


class BegunBlob(_JudgedOnNothing, frozen=True):
    """A blob that begins to arrive. blob: its row id."""

    blob: int

    def add_to(self, batch: Batch) -> None:
        """Put its row in."""
        batch.insert(Kind.BLOB, self.blob)


class BlobBlock(_JudgedOnNothing, frozen=True):
    """A block of a blob. hash: SHA-256.

    place: of a leaf, where in the file it begins; of the others -1, -2, ...
    """

    blob: int
    place: int
    hash: bytes
    data: bytes

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        return len(self.data) + 2 * ROW_BYTES

    def add_to(self, batch: Batch) -> None:
        """Put its rows in."""
        batch.insert(Kind.BLOCK, self.hash, self.data, True)
        batch.insert(Kind.BLOB_BLOCK, self.blob, self.place, self.hash)


class WholeBlob(_JudgedOnNothing, frozen=True):
    """A blob all of whose blocks are stored: from now on it is served.

    If the same bytes are served already, those become the shop's, and this one stays unfinished. shop: row
    id. uploaded_at: epoch seconds.
    """

    blob: int
    hash: bytes
    size: int
    media_type: str
    shop: int
    uploaded_at: int

    def add_to(self, batch: Batch) -> None:
        """Put its rows in."""
        batch.insert(
            Kind.WHOLE_BLOB, self.blob, self.hash, self.size, self.media_type, self.shop, self.uploaded_at
        )


class UnservedBlob(_JudgedOnNothing, frozen=True):
    """A blob that is no shop's any more, and unfinished, so that it gets removed."""

    blob: int

    def add_to(self, batch: Batch) -> None:
        """Put its rows in."""
        batch.insert(Kind.UNSERVED_BLOB, self.blob)


class RemovedBlocks(_JudgedOnNothing, frozen=True):
    """Some blocks fewer of an unfinished blob. most: how many; is_last: none is left then, nor the blob."""

    blob: int
    most: int
    is_last: bool

    @property
    def weight(self) -> int:
        """Estimate what is read to find the pages that get free, which takes about as long as writing."""
        return self.most * _READ_BYTES + ROW_BYTES

    def add_to(self, batch: Batch) -> None:
        """Put its rows in."""
        batch.insert(Kind.NO_BLOB_BLOCKS, self.blob, self.most)
        if self.is_last:
            batch.insert(Kind.NO_BLOB, self.blob)


def find_blob(connection: sqlite3.Connection, digest: bytes) -> BlobRow | None:
    """Find a whole blob by the SHA-256 of its root."""
    row = connection.execute(_FIND, (digest,)).fetchone()
    return None if row is None else BlobRow(*row)


def read_block(connection: sqlite3.Connection, blob: int, place: int, start: int, length: int) -> bytes:
    """Read a part of a block. Raises StoreUnavailable if it is not there."""
    row = connection.execute(_READ, (start, length, blob, place)).fetchone()
    if row is None or len(row[0]) != length:
        raise StoreUnavailable("the database lacks a part of a blob")
    data: bytes = row[0]
    return data


def list_unfinished(connection: sqlite3.Connection) -> list[int]:
    """List the row ids of the blobs that are not whole."""
    return parse_numbers(connection.execute(_UNFINISHED).fetchone()[0])


def next_blob(connection: sqlite3.Connection) -> int:
    """Find the first row id that is free."""
    row: int = connection.execute(_NEXT).fetchone()[0]
    return row


def count_blocks(connection: sqlite3.Connection, blob: int) -> int:
    """Count the blocks of a blob."""
    count: int = connection.execute(_COUNT_BLOCKS, (blob,)).fetchone()[0]
    return count


def counted_bytes(size: int) -> int:
    """Return what a file counts in the sum of its shop."""
    return max(size, COUNTED_BYTES)


def is_of_shop(connection: sqlite3.Connection, shop: int, digest: bytes) -> bool:
    """Say whether a shop has a whole blob. shop: row id. digest: SHA-256 of its root."""
    return bool(connection.execute(_IS_OF_SHOP, (digest, shop)).fetchone()[0])


def sum_of_shop(connection: sqlite3.Connection, shop: int) -> int:
    """Return what the blobs of a shop count together. shop: row id."""
    size_bytes: int = connection.execute(_SUM, (shop,)).fetchone()[0]
    return size_bytes


def list_whole(connection: sqlite3.Connection) -> list[BlobRow]:
    """List all whole blobs."""
    rows, sizes, hashes, types = connection.execute(_ALL).fetchone()
    media_types = types.split(",") if types else []
    digests = cut(hashes, [HASH_BYTES] * len(media_types))
    return list(map(BlobRow, parse_numbers(rows), digests, parse_numbers(sizes), media_types))


def list_places(connection: sqlite3.Connection, blob: int) -> dict[int, bytes]:
    """List which block is where in a blob, by its hash; see `BlobBlock`."""
    places, hashes = connection.execute(_PLACES, (blob,)).fetchone()
    found = parse_numbers(places)
    return dict(zip(found, cut(hashes, [HASH_BYTES] * len(found)), strict=True))


def find_stray(connection: sqlite3.Connection) -> str | None:
    """Say in a line which block or blob belongs to nothing; None if all do."""
    if (block := connection.execute(_STRAY).fetchone()) is not None:
        return f"block 0x{block[0].hex()} is served, and of no file"
    if (blob := connection.execute(_OF_NO_SHOP).fetchone()) is not None:
        return f"the file with the root 0x{blob[0].hex()} is of no shop"
    return None


def list_parts(connection: sqlite3.Connection) -> list[bytes]:
    """List the whole blobs that another one's blocks name, by the SHA-256 of their roots."""
    count, hashes = connection.execute(_PARTS).fetchone()
    return cut(hashes, [HASH_BYTES] * count)


def list_kept(connection: sqlite3.Connection, after_row: int, most: int) -> list[tuple[int, bytes]]:
    """List blocks that are no blob's, which were kept for orders: rows and data, by ascending rows."""
    rows, lengths, data = connection.execute(_KEPT, (after_row, most)).fetchone()
    return list(zip(parse_numbers(rows), cut(data, parse_numbers(lengths)), strict=True))


def list_blobs(connection: sqlite3.Connection) -> Sequence[ShopBlob]:
    """List what each shop has uploaded, the oldest first."""
    shops, sizes, times, hashes, types = connection.execute(_LIST).fetchone()
    numbers_of = list(map(parse_numbers, (shops, sizes, times)))
    media_types = types.split(",") if types else []
    digests = cut(hashes, [HASH_BYTES] * len(media_types))
    return [ShopBlob(*one) for one in zip(*numbers_of, digests, media_types, strict=True)]
