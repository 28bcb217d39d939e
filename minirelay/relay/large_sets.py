"""Sets that are larger than a page of the log: read, cut and divided beside the event loop.

However many subscribers want how many of them, only a few are in memory, and only one push is made at a time
for each subscriber, when there is room for it. A few are kept for a while, so that the next part, or the same
set for another view, costs no more than what is pushed.
"""

import asyncio
from collections import OrderedDict
from functools import cached_property
from itertools import chain
from typing import Final, NamedTuple

from minirelay.errors import StoreError
from minirelay.protocol.push import SetCutter
from minirelay.protocol.sizes import MAX_SET_BYTES
from minirelay.relay.packing import Cursor, Push
from minirelay.shop.visibility import View
from minirelay.store.messages import StoredSet
from minirelay.store.reader import Reader

KEPT_BYTES: Final = 32 * 1024 * 1024
"""The largest set takes about 12 MiB."""

AT_ONCE: Final = 2
"""How many are read or cut at a time."""

LEAF_BYTES: Final = 160
"""About what the log's record of a patch takes in memory."""


class Step(NamedTuple):
    """The next push of a large set, None if the view sees no more of it, and the cursor behind it."""

    push: Push | None
    cursor: Cursor


class LargeSet:
    """A set that is too large to be cut on the event loop. Several threads may use it."""

    def __init__(self, stored: StoredSet) -> None:
        """Take a whole set; nothing is looked at yet."""
        self._stored = stored
        self.size_bytes = len(stored.wire) + LEAF_BYTES * len(stored.leaves)

    @property
    def seq(self) -> int:
        """Return its sequence number."""
        return self._stored.seq

    def step(self, view: View, leaf: int) -> Step:
        """Make the push that begins with the first visible leaf from this one on."""
        stored = self._stored
        behind = Cursor(stored.seq)
        if view.sees_everything and len(stored.wire) <= MAX_SET_BYTES:
            return Step(Push((stored.wire,), len(stored.leaves), behind), behind)
        leaves = view.visible_from(stored.leaves, leaf)
        first = next(leaves, None)
        if first is None:
            return Step(None, behind)
        part = self._cutter.part(chain((first,), leaves))
        cursor = behind if part.next_leaf is None else Cursor(stored.seq - 1, part.next_leaf)
        return Step(Push((part.wire,), part.patch_count, cursor), cursor)

    @cached_property
    def _cutter(self) -> SetCutter:
        return SetCutter(self._stored.wire)


class LargeSets:
    """The large sets of all shops."""

    def __init__(self, reader: Reader, kept_bytes: int = KEPT_BYTES) -> None:
        """reader: of the store. kept_bytes: how many bytes of them are kept for a while."""
        self._reader = reader
        self._kept_bytes = kept_bytes
        # The one that was used least recently comes first.
        self._kept: OrderedDict[tuple[int, int], LargeSet] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.under_way = 0
        """How many are being read or cut now, at most `AT_ONCE`."""

    @property
    def held_bytes(self) -> int:
        """Return how many bytes of them are kept now."""
        return sum(one.size_bytes for one in self._kept.values())

    async def step(self, shop: int, view: View, cursor: Cursor, upto_seq: int) -> Step:
        """Make the next push from the set right behind the cursor. shop: row id. Raises StoreError."""
        async with self._turns:
            self.under_way += 1
            try:
                large = await self._find(shop, cursor.seq, upto_seq)
                return await asyncio.to_thread(large.step, view, cursor.leaf)
            finally:
                self.under_way -= 1

    async def _find(self, shop: int, after_seq: int, upto_seq: int) -> LargeSet:
        key = (shop, after_seq)
        large = self._kept.pop(key, None) or await self._read(shop, after_seq, upto_seq)
        self._kept[key] = large
        while self.held_bytes > self._kept_bytes:
            self._kept.popitem(last=False)
        return large

    async def _read(self, shop: int, after_seq: int, upto_seq: int) -> LargeSet:
        page = await self._reader.page(
            shop, after_seq=after_seq, upto_seq=upto_seq, max_patches=1, max_bytes=1
        )
        if not page:
            raise StoreError("the log ends before its durable end")
        return LargeSet(page[0])
