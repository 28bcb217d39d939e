"""The blobs of all shops, in the store: taken block by block, read leaf by leaf (spec 08, "Blobs")."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final, TypeAlias

from minirelay.blobs.media_type import SNIFFED_BYTES, sniff
from minirelay.blobs.quota import BlobQuota
from minirelay.blobs.unixfs import CHUNK_BYTES, Block, DagBuilder, content_offset
from minirelay.errors import StorageFull, StoreError
from minirelay.store.blob_rows import BegunBlob, BlobBlock, RemovedBlocks, UnservedBlob, WholeBlob
from minirelay.store.database import Store
from minirelay.store.messages import BlobRow

Blob: TypeAlias = BlobRow
"""A file that is served."""

log = logging.getLogger(__name__)

READS_AT_ONCE: Final = 2
"""Of leaves: clients' logs are read over the same few connections."""

PIECE_BYTES: Final = 32 * 1024
"""What is read at once, and held for a client that reads slowly."""

REMOVED_AT_ONCE: Final = 4
"""Blocks: what each has on the disk is read to be set free, and commits wait for that."""


class BlobLibrary:
    """Takes, gives and removes blobs. A blob is whole, or nobody sees it."""

    def __init__(
        self,
        store: Store,
        next_row: int,
        *,
        shop_bytes: int,
        now: Callable[[], datetime],
        is_disk_low: Callable[[], bool] = lambda: False,
    ) -> None:
        """next_row: `Reader.next_blob`. shop_bytes: of all blobs of a shop. now: the relay's clock.

        is_disk_low: from memory; meanwhile nothing is taken.
        """
        self.store = store
        self.quota = BlobQuota(store, shop_bytes)
        self.now = now
        self.is_disk_low = is_disk_low
        self._next_row = next_row
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._removals: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        store: Store,
        *,
        shop_bytes: int,
        now: Callable[[], datetime],
        is_disk_low: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator["BlobLibrary"]:
        """Yield a library; what uploads left unfinished is removed meanwhile. Raises StoreError."""
        first_row = await store.reader.next_blob()
        library = cls(store, first_row, shop_bytes=shop_bytes, now=now, is_disk_low=is_disk_low)
        for row in await store.reader.unfinished_blobs():
            library.remove_later(row)
        try:
            yield library
        finally:
            await library.finish_removals()

    @asynccontextmanager
    async def upload(self, shop: int) -> AsyncIterator["Upload"]:
        """Yield an upload for a shop (row id). Unless it is finished, nothing of it stays.

        Raises StorageFull, StoreError, UploadTooLarge.
        """
        self.require_disk()
        room_bytes = await self.quota.left_bytes(shop)
        row, self._next_row = self._next_row, self._next_row + 1
        upload = Upload(self, row, shop, room_bytes)
        try:
            await self.store.writer.commit(BegunBlob(row))
            yield upload
        finally:
            if not upload.is_served:
                self.remove_later(row)

    def require_disk(self) -> None:
        """Raise StorageFull while the disk has no room for what clients send."""
        if self.is_disk_low():
            raise StorageFull

    async def find(self, digest: bytes) -> Blob | None:
        """Find a blob. digest: SHA-256 of its root block. Raises StoreError."""
        return await self.store.reader.blob(digest)

    async def read(self, blob: Blob, start: int, stop: int) -> AsyncIterator[bytes]:
        """Read a part of the file, from one byte up to but without another. Raises StoreError."""
        while start < stop:
            place = start - start % CHUNK_BYTES
            leaf_bytes = min(CHUNK_BYTES, blob.size - place)
            length = min(stop - start, place + leaf_bytes - start, PIECE_BYTES)
            offset = content_offset(leaf_bytes) + start - place
            async with self._reads:
                piece = await self.store.reader.blob_part(blob.row, place, offset, length)
            yield piece
            start += length

    async def remove(self, blob: Blob) -> None:
        """Remove a blob, from all shops. Raises StoreError."""
        async with self.quota.changing():
            await self.store.writer.commit(UnservedBlob(blob.row))
        await self._remove(blob.row)

    def remove_later(self, row: int) -> None:
        """Remove an unfinished blob; what fails is tried again at the next start."""
        task = asyncio.create_task(self._try_to_remove(row))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def finish_removals(self) -> None:
        """Wait until what is being removed is gone."""
        if self._removals:
            await asyncio.wait(self._removals)

    async def _try_to_remove(self, row: int) -> None:
        # An upload may have been broken off while its row was on its way, which goes by another line.
        with suppress(StoreError):
            await self.store.writer.barrier()
        try:
            await self._remove(row)
        except StoreError as error:
            log.warning("an unfinished upload is removed at the next start", extra={"reason": str(error)})

    async def _remove(self, row: int) -> None:
        left = await self.store.reader.count_blocks(row)
        while True:
            await self.store.writer.commit_step(RemovedBlocks(row, REMOVED_AT_ONCE, left <= REMOVED_AT_ONCE))
            left -= REMOVED_AT_ONCE
            if left <= 0:
                return


class Upload:
    """A file that arrives. It holds a chunk of it; each block is stored before more is taken."""

    def __init__(self, library: BlobLibrary, row: int, shop: int, room_bytes: int) -> None:
        """For `BlobLibrary.upload`. room_bytes: how much more the shop may have."""
        self.size = 0
        self.is_served = False
        """Whether these rows are what is served; not so if the same bytes were there already."""
        self._library = library
        self._row = row
        self._shop = shop
        self._room_bytes = room_bytes
        self._builder = DagBuilder()
        self._beginning = b""

    async def add(self, data: bytes) -> None:
        """Take the file's next bytes. Raises StorageFull, UploadTooLarge, StoreError."""
        self._library.require_disk()
        self.size += len(data)
        self._library.quota.check(self.size, self._room_bytes)
        if len(self._beginning) < SNIFFED_BYTES:
            self._beginning += data[: SNIFFED_BYTES - len(self._beginning)]
        await self._store(self._builder.add(data))

    async def finish(self) -> bytes:
        """Serve the file from now on; return the SHA-256 of its root. Raises StoreError, UploadTooLarge."""
        await self._store(self._builder.finish())
        digest = self._builder.root.hash
        library = self._library
        uploaded_at = int(library.now().timestamp())
        media_type = sniff(self._beginning)
        async with library.quota.taking(self._shop, digest, self.size):
            await library.store.writer.commit(
                WholeBlob(self._row, digest, self.size, media_type, self._shop, uploaded_at)
            )
        found = await library.find(digest)
        self.is_served = found is not None and found.row == self._row
        return digest

    async def _store(self, blocks: Iterable[Block]) -> None:
        writer = self._library.store.writer
        for block in blocks:
            await writer.commit_step(BlobBlock(self._row, block.place, block.hash, block.data))
