"""One subscription: a cursor on the log plus a view. It reads until it reaches the end, then goes live.

A reader that falls behind is moved back to its cursor: what it has not been sent is read from the log
later. Nothing is queued for it, and nothing is skipped or sent twice.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from minirelay.errors import StoreError
from minirelay.protocol.push import cut
from minirelay.protocol.sizes import MAX_PATCHES_PER_PUSH
from minirelay.relay.fan_out import count_for, must_read, pack_for
from minirelay.relay.feed import Feed
from minirelay.relay.large_sets import LargeSets
from minirelay.relay.log_query import query_of
from minirelay.relay.outbox import Room
from minirelay.relay.packing import Cursor, Push, VisibleSet, pack, see
from minirelay.shop.visibility import View
from minirelay.store.messages import EMPTY_COUNTS
from minirelay.store.reader import Reader

log = logging.getLogger(__name__)

PAGE_PATCHES = 1024
PAGE_BYTES = 512 * 1024
"""A page is no larger, so that neither a read nor what follows it takes long; for larger sets there is
`large_sets.py`."""

CANNOT_READ = "the relay cannot read its database, reconnect and resume"
OWN_FAULT = "the relay failed, reconnect and resume"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the log. visible: what the view sees, made while it is packed.

    through: the sequence number up to which that is all.
    """

    visible: Iterable[VisibleSet]
    through: int


class Outlet(Protocol):
    """The connection, as a subscription sees it."""

    def has_room(self) -> bool:
        """Return whether a push may leave now."""

    def turn(self) -> AbstractAsyncContextManager[Room]:
        """Wait until there is room and it is this subscription's turn to read from the log."""

    def push(self, subscription_id: bytes, sets: tuple[bytes, ...]) -> None:
        """Send one push."""

    def send_sync_status(self, subscription_id: bytes, unpushed_patches: int) -> None:
        """Send how much is still to come."""

    def fail(self, reason: str) -> None:
        """End the session because the relay can't go on with it."""


class Subscription:
    """The way of one subscriber through one shop's log."""

    def __init__(
        self,
        view: View,
        start_seq: int,
        *,
        feed: Feed,
        reader: Reader,
        large_sets: LargeSets,
        outlet: Outlet,
    ) -> None:
        """start_seq: sets after this one are wanted."""
        self.subscription_id = b""
        """2 bytes, given by the connection before `start`."""
        self.view = view
        self.cursor = Cursor(start_seq)
        self._feed = feed
        self._reader = reader
        self._large_sets = large_sets
        self._outlet = outlet
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_reading(self) -> bool:
        """Return whether it reads the log: it is not live."""
        return self._task is not None and not self._task.done()

    async def count_unpushed(self) -> int:
        """Count the visible patches between the cursor and the durable end of the log."""
        while True:
            upto, count = await self._count_in_store()
            # What became durable while the store counted.
            recent = self._feed.since(upto)
            if recent is not None:
                return count + count_for(self.view, recent)

    async def _count_in_store(self) -> tuple[int, int]:
        shop, upto, end, after = self._feed.shop, self._feed.seq, self._feed.counts, self.cursor.seq
        query = query_of(self.view)
        count = 0
        if query.needs_scan:
            start = await self._reader.counts_at(shop, after) if after else EMPTY_COUNTS
            count = query.count_types(start, end)
        if query.selections:
            count += await self._reader.count_index(shop, query.selections, after_seq=after, upto_seq=upto)
        return upto, count

    def start(self) -> None:
        """Begin to push; the response has left."""
        if not self._is_closed:
            self._task = asyncio.get_running_loop().create_task(self._catch_up())

    def close(self) -> None:
        """Stop at once: nothing of this subscription leaves any more."""
        self._is_closed = True
        self._feed.remove(self)
        if self._task is not None:
            # Kept, it and the error that ends it would hold each other, and the page that was just read.
            self._task.cancel()
            self._task = None

    def fail(self) -> None:
        """End the session: this subscription can't go on without a gap."""
        self._outlet.fail(OWN_FAULT)

    def follow(self, pushes: Sequence[Push], after_seq: int, upto_seq: int) -> None:
        """Take all that it sees of some sets; fall back to the cursor if there is no room for it."""
        if self._is_closed:
            return
        self.cursor = Cursor(after_seq)
        if self._deliver(pushes):
            self.cursor = Cursor(upto_seq)
        else:
            left = sum(push.patch_count for push in pushes if push.cursor > self.cursor)
            self.fall_back(after_seq, left)

    def fall_back(self, after_seq: int, unpushed_patches: int | None) -> None:
        """Read on from the log, where that many visible patches are still to come; None: count them."""
        if self._is_closed:
            return
        self._feed.remove(self)
        self.cursor = max(self.cursor, Cursor(after_seq))
        if unpushed_patches is None:
            self._task = asyncio.get_running_loop().create_task(self._catch_up(is_counted=False))
        else:
            self._outlet.send_sync_status(self.subscription_id, unpushed_patches)
            self.start()

    def echo(self, shop: int) -> None:
        """Send what was just written to a shop (row id) by this session, if this follows it live."""
        if self._feed.shop == shop:
            self._feed.echo(self)

    def _deliver(self, pushes: Iterable[Push]) -> bool:
        """Send pushes as long as there is room, each made only then; True if these were all."""
        for push in pushes:
            if not self._outlet.has_room():
                return False
            self._outlet.push(self.subscription_id, push.sets)
            self.cursor = push.cursor
        return True

    async def _catch_up(self, *, is_counted: bool = True) -> None:
        try:
            if not is_counted:
                self._outlet.send_sync_status(self.subscription_id, await self.count_unpushed())
            while not await self._take_turn():
                pass
        except StoreError as error:
            log.error("a subscription could not read the log: %s", error)
            self._outlet.fail(CANNOT_READ)
        except Exception:  # the task's only observer
            log.exception("a subscription could not go on because of a bug")
            self.fail()

    async def _take_turn(self) -> bool:
        """Send a page of the log; True when the subscription has gone live.

        A reader who is slow to take it costs no memory: what there is no room for is read again later.
        """
        async with self._outlet.turn() as room:
            if self._go_live():
                return True
            if self._outlet.has_room():
                page = None if self.cursor.leaf else await self._read_page(room)
                if page is None:
                    await self._send_part()
                elif self._deliver(pack(page.visible)):
                    self.cursor = Cursor(page.through)
        return False

    def _go_live(self) -> bool:
        recent = None if self.cursor.leaf else self._feed.since(self.cursor.seq)
        if recent is None or must_read(self.view, recent) or not self._deliver(pack_for(self.view, recent)):
            return False
        self.cursor = Cursor(self._feed.seq)
        self._feed.add(self)
        self._task = None
        return True

    async def _send_part(self) -> None:
        """Send one push of the next set, which is large."""
        step = await self._large_sets.step(self._feed.shop, self.view, self.cursor, self._feed.seq)
        if step.push is None or self._deliver((step.push,)):
            self.cursor = step.cursor

    async def _read_page(self, room: Room) -> Page | None:
        """Read what comes next; None if that is a large set."""
        upto, shop, after = self._feed.seq, self._feed.shop, self.cursor.seq
        patches = min(PAGE_PATCHES, room.pushes * MAX_PATCHES_PER_PUSH)
        size = min(PAGE_BYTES, room.size_bytes)
        if self.view.sees_everything:
            wires = await self._reader.page_wire(
                shop,
                after_seq=after,
                upto_seq=upto,
                max_patches=patches,
                max_bytes=size,
                max_set_bytes=PAGE_BYTES,
            )
            whole = [VisibleSet(one.seq, one.patch_count, one.wire) for one in wires]
            return Page(whole, wires[-1].seq) if wires else None
        query = query_of(self.view)
        if query.needs_scan:
            page = await self._reader.page_of_types(
                shop,
                query.types_seen,
                after_seq=after,
                upto_seq=upto,
                max_patches=patches,
                max_bytes=size,
                max_set_bytes=PAGE_BYTES,
            )
            seen = (see(self.view, stored) for stored in page)
            visible = (one for one in seen if one is not None)
            return Page(visible, page[-1].seq) if page else None
        selected = await self._reader.index_page(
            shop,
            query.selections,
            self.view.sees,
            after_seq=after,
            upto_seq=upto,
            max_patches=patches,
            max_bytes=size,
            max_set_bytes=PAGE_BYTES,
        )
        chosen = (VisibleSet(one.seq, len(one.leaves), cut(one.wire, one.leaves)) for one in selected.sets)
        return Page(chosen, selected.through) if selected.through > after else None
