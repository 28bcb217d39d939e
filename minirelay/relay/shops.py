"""The shops that are in use: one sequencer and one feed each, opened at the first request.

What they hold in memory has a budget. Beyond it, the shop that was used least recently closes its head and
forgets its recent sets: they are read again when they are needed. That is seen to whenever a shop is
opened, and as the shops grow.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import count
from typing import Final, Protocol

from minirelay.metrics import Histogram
from minirelay.relay.entry import ENTRY_BYTES
from minirelay.relay.event_log import tell_issued
from minirelay.relay.facts_source import FactsSource
from minirelay.relay.feed import Feed
from minirelay.relay.sequencer import Sequencer
from minirelay.relay.shop_events import CheckoutFollower, NoFollower
from minirelay.relay.shop_head import ShopHead, read_head, read_manifest
from minirelay.relay.slices import SlicedWork
from minirelay.relay.write_turns import WriteTurns
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.objects import Manifest
from minirelay.store.database import Store
from minirelay.store.messages import EMPTY_COUNTS, NEW_SHOPS, Counts, ShopRow, StoredSet

_BUDGET_CHECKS: Final = 64
"""All sizes are added up when the shops have grown by about this fraction of the budget."""


class HostedShop:
    """One shop: where its writes go in, and where they come out."""

    def __init__(self, row: ShopRow, feed: Feed, sequencer: Sequencer, turns: WriteTurns) -> None:
        """row: as it is on disk, or as it will be with the first enrolment (then the log is empty).

        turns: of clients' writes, on their way to the sequencer.
        """
        self.row = row
        self.feed = feed
        self.sequencer = sequencer
        self.turns = turns

    @property
    def is_idle(self) -> bool:
        """Say whether everything that was submitted is answered."""
        return self.turns.is_idle and self.sequencer.is_idle

    async def wait_idle(self) -> None:
        """Wait until everything that was submitted is answered."""
        while not self.is_idle:
            await self.turns.wait_idle()
            await self.sequencer.wait_idle()

    @property
    def size_bytes(self) -> int:
        """Return about what the shop takes in memory."""
        head = self.sequencer.head
        return self.feed.recent_bytes + (head.size_bytes if head else 0)

    def unload(self) -> None:
        """Let go of what can be read again. Only when the sequencer is idle."""
        self.sequencer.unload()
        self.feed.forget_recent()


class CardUnlinking(Protocol):
    """Who ends the session of an unlinked key card."""

    def unlink(self, card_row: int) -> None:
        """Let no session hold this card (row id) any more."""


class Shops:
    """All shops that this process has touched, by shop id."""

    def __init__(
        self,
        store: Store,
        first_row: int,
        cards: CardUnlinking,
        facts: FactsSource,
        *,
        memory_bytes: int,
        facts_timeout_s: float,
        now: Callable[[], datetime],
        push_latency: Histogram,
    ) -> None:
        """first_row: the first row id that is free. cards: of all shops. memory_bytes: the budget.

        facts: is told of the manifests in use. facts_timeout_s: how long a write waits for some. now: the
        relay's clock, aware UTC. push_latency: see `Feed`.
        """
        self._push_latency = push_latency
        self.follower: CheckoutFollower = NoFollower()
        """Is told what becomes of payment requests."""
        self._store = store
        self._facts = facts
        self._facts_timeout_s = facts_timeout_s
        self._now = now
        self._memory_bytes = memory_bytes
        self._growth_bytes = 0
        self._cards = cards
        self._rows = count(first_row)
        self._handing_over = SlicedWork()
        # The one that was used least recently comes first.
        self._hosted: dict[int, HostedShop] = {}
        self._last_used: HostedShop | None = None
        self._by_row: dict[int, HostedShop] = {}

    def __iter__(self) -> Iterator[HostedShop]:
        return iter(list(self._hosted.values()))

    def is_in_use(self, shop_id: int) -> bool:
        """Say from memory whether this process has touched a shop that is served here, or about to be."""
        return shop_id in self._hosted

    def in_memory(self, shop_id: int) -> HostedShop | None:
        """Return a shop that this process has touched, without counting that as a use; None if it has not."""
        return self._hosted.get(shop_id)

    @property
    def in_use(self) -> list[int]:
        """List the ids of the shops that this process has touched."""
        return list(self._hosted)

    async def find(self, shop_id: int) -> HostedShop | None:
        """Return a shop that this relay serves, None if it does not. Raises StoreError."""
        hosted = self._hosted.get(shop_id)
        if hosted is not None:
            return hosted if hosted.feed.seq else None
        row = await self._store.reader.shop(shop_id)
        if row is None:
            return None
        seq, counts = await self._store.reader.tail(row.row_id)
        # Somebody else may have opened it while the store was asked; there must be only one.
        return self._hosted.get(shop_id) or self._host(row, seq, counts)

    async def is_known(self, shop_id: int) -> bool:
        """Return whether the relay serves this shop, or is about to. Raises StoreError."""
        return shop_id in self._hosted or await self.find(shop_id) is not None

    async def find_or_start(self, shop_id: int) -> HostedShop:
        """Return a shop, or one that comes into being with the first commit to it. Raises StoreError."""
        found = await self.find(shop_id) or self._hosted.get(shop_id)
        if found is not None:
            return found
        row = ShopRow(next(self._rows), shop_id, 0)
        return self._host(row, 0, EMPTY_COUNTS)

    async def find_row(self, row_id: int) -> HostedShop | None:
        """Return the shop with this row id, None if there is none. Raises StoreError."""
        if row_id not in self._by_row:
            row = await self._store.reader.shop_of_row(row_id)
            if row is not None:
                await self.find(row.shop_id)
        return self._by_row.get(row_id)

    def by_row(self, row_id: int) -> HostedShop | None:
        """Return a shop that is in use by its row id; it counts as used just now."""
        hosted = self._by_row.get(row_id)
        if hosted is not None:
            self._use(hosted)
        return hosted

    def _use(self, hosted: HostedShop) -> None:
        if hosted is not self._last_used:
            self._hosted[hosted.row.shop_id] = self._hosted.pop(hosted.row.shop_id)
            self._last_used = hosted

    def _host(self, row: ShopRow, seq: int, counts: Counts) -> HostedShop:
        feed = Feed(row.row_id, seq, counts, self._handing_over, self._push_latency)
        sequencer = Sequencer(row.row_id, self._store.writer, partial(self._read_head, row), self, self._now)
        turns = WriteTurns(self._facts, sequencer.submit, self._facts_timeout_s)
        hosted = HostedShop(row, feed, sequencer, turns)
        self._hosted[row.shop_id] = self._by_row[row.row_id] = self._last_used = hosted
        return hosted

    async def _read_head(self, row: ShopRow) -> ShopHead:
        store = self._store
        epoch = store.writer.epoch
        stored = await store.reader.shop(row.shop_id)
        if stored is None:
            return ShopHead.start(epoch, row, await store.reader.gaps(NEW_SHOPS))
        head = await read_head(store.reader, epoch, stored, int(self._now().timestamp()))
        manifest = await asyncio.to_thread(read_manifest, head.state)
        if manifest is not None:
            self._facts.note_manifest(row.shop_id, manifest)
        return head

    # -- what happens in them (`ShopEvents`)

    def opened(self, shop: int, size_bytes: int) -> None:
        """Make room for what came into memory."""
        self._make_room(self._by_row[shop], size_bytes)

    def manifest_changed(self, shop: int, manifest: Manifest) -> None:
        """Let what its customers may choose now be kept warm."""
        self._facts.note_manifest(self._by_row[shop].row.shop_id, manifest)

    def stored(self, shop: int, sets: Sequence[StoredSet]) -> None:
        """Let subscribers have the sets."""
        hosted = self._by_row[shop]
        hosted.feed.publish(sets)
        for one in sets:
            self._growth_bytes += len(one.wire) + ENTRY_BYTES * len(one.leaves)
        if self._growth_bytes >= self._memory_bytes // _BUDGET_CHECKS:
            self._make_room(hosted, hosted.size_bytes)

    def checkout_changed(self, shop: int, records: RecordChanges) -> None:
        """Let whoever watches payments know, and log what became of them."""
        row = self._by_row[shop].row
        self.follower.changed(row, records)
        tell_issued(row.shop_id, records)

    def unlinked(self, card_row: int) -> None:
        """End the card's session."""
        self._cards.unlink(card_row)

    def _make_room(self, wanted: HostedShop, size_bytes: int) -> None:
        """Unload others until this shop, with so many bytes, and what is left keep within the budget."""
        self._growth_bytes = 0
        self._use(wanted)
        others = [hosted for hosted in self._hosted.values() if hosted is not wanted]
        surplus = size_bytes + sum(hosted.size_bytes for hosted in others) - self._memory_bytes
        for hosted in others:
            if surplus <= 0:
                break
            if hosted.size_bytes and hosted.is_idle:
                surplus -= hosted.size_bytes
                hosted.unload()
                self._facts.forget_shop(hosted.row.shop_id)
