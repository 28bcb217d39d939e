"""What the files of each shop may take together (spec 09, "Disk").

It is summed up once for a shop that uploads, then counted along. What is stored decides: after anything that
may have been stored or not, it is summed up again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from minirelay.blobs.errors import UploadTooLarge
from minirelay.store.blob_rows import counted_bytes
from minirelay.store.database import Store

_NO_SHARE: Final = "the pictures and files of this shop would take more than its share"


class BlobQuota:
    """Says what a shop has left, and takes of it, one file at a time."""

    def __init__(self, store: Store, shop_bytes: int) -> None:
        """shop_bytes: of all files of a shop; a small one counts as `store.blob_rows.COUNTED_BYTES`."""
        self.shop_bytes = shop_bytes
        self._store = store
        self._used: dict[int, int] = {}
        self._counting = asyncio.Lock()

    async def left_bytes(self, shop: int) -> int:
        """Return how much more a shop may have, below zero if its share became less. Raises StoreError."""
        async with self._counting:
            return self.shop_bytes - await self._used_bytes(shop)

    @asynccontextmanager
    async def taking(self, shop: int, digest: bytes, size: int) -> AsyncIterator[None]:
        """Make sure of the room for a file, which is stored in the block; nobody else's is meanwhile.

        What the shop has already takes nothing. Raises StoreError, UploadTooLarge.
        """
        async with self._counting:
            used = await self._used_bytes(shop)
            if not await self._store.reader.shop_has_blob(shop, digest):
                used += counted_bytes(size)
                if used > self.shop_bytes:
                    raise UploadTooLarge(_NO_SHARE)
            # Whether it was stored is known at the end of the block only, and not if that is cancelled.
            del self._used[shop]
            yield
            self._used[shop] = used

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """Sum up anew for all shops behind the block, which removes files; none are stored meanwhile."""
        async with self._counting:
            self._used.clear()
            yield

    def check(self, size: int, left_bytes: int) -> None:
        """Check what an upload has brought so far. Raises UploadTooLarge."""
        if counted_bytes(size) > left_bytes:
            raise UploadTooLarge(_NO_SHARE)

    async def _used_bytes(self, shop: int) -> int:
        used = self._used.get(shop)
        if used is None:
            # What was cancelled may be on its way to the disk.
            await self._store.writer.barrier()
            used = self._used[shop] = await self._store.reader.blob_bytes(shop)
        return used
