"""One subscription: a cursor on the log plus a view. It reads until it reaches the end, then goes live.

A reader that falls behind is moved back to its cursor: what it has not been sent is read from the log
later. Nothing is queued for it, and nothing is skipped or sent twice.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from minirelay.errors import StoreError
from minirelay.protocol.push import cut
from minirelay.relay.feed import Feed, pack_for
from minirelay.relay.packing import Package, VisibleSet, pack, see
from minirelay.relay.view import View
from minirelay.store.messages import EMPTY_COUNTS, StoredSet
from minirelay.store.reader import Reader

log = logging.getLogger(__name__)

PAGE_PATCHES = 1024
PAGE_BYTES = 1024 * 1024


class Outlet(Protocol):
    """The connection, as a subscription sees it."""

    def has_room(self, pushes: int) -> bool:
        """Say whether that many pushes may leave now."""

    async def wait_for_room(self, pushes: int) -> None:
        """Wait until they may."""

    def push(self, subscription_id: bytes, sets: tuple[bytes, ...]) -> None:
        """Send one push."""

    def send_sync_status(self, subscription_id: bytes, unpushed_patches: int) -> None:
        """Say how much is still to come."""

    def fail(self, reason: str) -> None:
        """End the session because the relay can't go on with it."""


class Subscription:
    """The way of one subscriber through one shop's log."""

    def __init__(self, view: View, start_seq: int, feed: Feed, reader: Reader, outlet: Outlet) -> None:
        """start_seq: sets after this one are wanted."""
        self.subscription_id = b""
        """2 bytes, given by the connection before `start`."""
        self.view = view
        self.cursor = start_seq
        self._feed = feed
        self._reader = reader
        self._outlet = outlet
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    async def count_unpushed(self) -> int:
        """Count the visible patches between the cursor and the durable end of the log."""
        shop, upto, end = self._feed.shop, self._feed.seq, self._feed.counts
        count = 0
        if self.view.needs_scan:
            start = await self._reader.counts_at(shop, self.cursor) if self.cursor else EMPTY_COUNTS
            count = self.view.count_types(start, end)
        selections = self.view.selections()
        if selections:
            count += await self._reader.count_index(shop, selections, after_seq=self.cursor, upto_seq=upto)
        return count

    def start(self) -> None:
        """Begin to push; the response has left."""
        if not self._is_closed:
            self._task = asyncio.get_running_loop().create_task(self._catch_up())

    def close(self) -> None:
        """Stop at once: nothing of this subscription leaves any more."""
        self._is_closed = True
        self._feed.remove(self)
        if self._task is not None:
            self._task.cancel()

    def follow(self, packages: Sequence[Package], upto_seq: int) -> None:
        """Take what became durable; fall back to the cursor if there is no room for it."""
        sent = self._deliver(packages)
        if sent == len(packages):
            self.cursor = upto_seq
            return
        self._feed.remove(self)
        left = sum(package.patch_count for package in packages[sent:])
        self._outlet.send_sync_status(self.subscription_id, left)
        self.start()

    def _deliver(self, packages: Iterable[Package]) -> int:
        sent = 0
        for package in packages:
            if not self._outlet.has_room(len(package.pushes)):
                break
            for sets in package.pushes:
                self._outlet.push(self.subscription_id, sets)
            self.cursor = package.seq
            sent += 1
        return sent

    async def _catch_up(self) -> None:
        try:
            while not self._go_live():
                visible, through = await self._read_page()
                for package in pack(visible):
                    while not self._deliver([package]):
                        await self._outlet.wait_for_room(len(package.pushes))
                self.cursor = through
        except StoreError as error:
            log.error("a subscription could not read the log: %s", error)
            self._outlet.fail("the relay cannot read its database, reconnect and resume")

    def _go_live(self) -> bool:
        recent = self._feed.since(self.cursor)
        if recent is None:
            return False
        packages = pack_for(self.view, recent, self.cursor)
        if self._deliver(packages) < len(packages):
            return False
        self.cursor = self._feed.seq
        self._feed.add(self)
        self._task = None
        return True

    async def _read_page(self) -> tuple[list[VisibleSet], int]:
        upto = self._feed.seq
        if self.view.everything:
            wires = await self._reader.page_wire(
                self._feed.shop,
                after_seq=self.cursor,
                upto_seq=upto,
                max_patches=PAGE_PATCHES,
                max_bytes=PAGE_BYTES,
            )
            sets = [VisibleSet(one.seq, one.patch_count, one.wire) for one in wires]
            return sets, self._through(sets, upto)
        if self.view.needs_scan:
            return await self._scan_page(upto)
        page = await self._reader.index_page(
            self._feed.shop,
            self.view.selections(),
            after_seq=self.cursor,
            upto_seq=upto,
            max_patches=PAGE_PATCHES,
            max_bytes=PAGE_BYTES,
        )
        sets = [VisibleSet(one.seq, len(one.leaves), cut(one.wire, one.leaves)) for one in page.sets]
        return sets, page.through

    async def _scan_page(self, upto: int) -> tuple[list[VisibleSet], int]:
        page = await self._reader.page(
            self._feed.shop,
            after_seq=self.cursor,
            upto_seq=upto,
            max_patches=PAGE_PATCHES,
            max_bytes=PAGE_BYTES,
        )
        seen = (see(self.view, stored) for stored in page)
        return [visible for visible in seen if visible is not None], self._through(page, upto)

    def _through(self, page: Sequence[VisibleSet | StoredSet], upto: int) -> int:
        if not page:
            raise StoreError(f"the log of shop row {self._feed.shop} ends at {self.cursor}, not at {upto}")
        return page[-1].seq
