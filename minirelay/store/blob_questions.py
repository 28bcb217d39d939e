"""What can be asked about blobs and their blocks."""

from collections.abc import Sequence

from minirelay.store import (
    blob_rows,
)
from minirelay.store.messages import (
    BlobRow,
    ShopBlob,
)
from minirelay.store.questions import Questions


class BlobQuestions(Questions):
    """Ask about blobs. blob, shop: row ids."""

    async def blob(self, digest: bytes) -> BlobRow | None:
        """Find a whole blob. digest: SHA-256 of its root block."""
        return await self._pool.run(lambda db: blob_rows.find_blob(db, digest))

    async def blobs(self) -> list[BlobRow]:
        """List all whole blobs."""
        return await self._pool.run(blob_rows.list_whole)

    async def blob_places(self, blob: int) -> dict[int, bytes]:
        """List which block is where in a blob, by its hash."""
        return await self._pool.run(lambda db: blob_rows.list_places(db, blob))

    async def stray_block(self) -> str | None:
        """Return which block or blob belongs to nothing, in a line; None if all do."""
        return await self._pool.run(blob_rows.find_stray)

    async def blob_part(self, blob: int, place: int, start: int, length: int) -> bytes:
        """Read a part of a blob's block. place: as in `BlobBlock`."""
        return await self._pool.run(lambda db: blob_rows.read_block(db, blob, place, start, length))

    async def unfinished_blobs(self) -> list[int]:
        """List the row ids of the blobs that are not whole."""
        return await self._pool.run(blob_rows.list_unfinished)

    async def next_blob(self) -> int:
        """Find the first row id of a blob that is free."""
        return await self._pool.run(blob_rows.next_blob)

    async def count_blocks(self, blob: int) -> int:
        """Count the blocks of a blob."""
        return await self._pool.run(lambda db: blob_rows.count_blocks(db, blob))

    async def shop_has_blob(self, shop: int, digest: bytes) -> bool:
        """Say whether a shop (row id) has a whole blob. digest: SHA-256 of its root block."""
        return await self._pool.run(lambda db: blob_rows.is_of_shop(db, shop, digest))

    async def blob_bytes(self, shop: int) -> int:
        """Return how many bytes the blobs of a shop have together."""
        return await self._pool.run(lambda db: blob_rows.sum_of_shop(db, shop))

    async def shop_blobs(self) -> Sequence[ShopBlob]:
        """List what each shop has uploaded, the oldest first."""
        return await self._pool.run(blob_rows.list_blobs)

    async def blobs_in_others(self) -> list[bytes]:
        """List the whole blobs that another one's blocks name, by the SHA-256 of their roots."""
        return await self._pool.run(blob_rows.list_parts)

    async def kept_blocks(self, after_row: int, most: int) -> list[tuple[int, bytes]]:
        """List the next blocks that were kept for orders: row and data."""
        return await self._pool.run(lambda db: blob_rows.list_kept(db, after_row, most))
