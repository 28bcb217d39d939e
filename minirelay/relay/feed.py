"""The durable end of one shop's log, and the subscriptions that follow it live."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from minirelay.relay.packing import Package, pack, see
from minirelay.relay.view import View
from minirelay.store.messages import Counts, StoredSet

RECENT_BYTES = 512 * 1024
RECENT_SETS = 1024


class Follower(Protocol):
    """A live subscription."""

    view: View
    cursor: int

    def follow(self, packages: Sequence[Package], upto_seq: int) -> None:
        """Take what became durable after `cursor`, up to and including this sequence number."""


class Feed:
    """Hand durable sets to whoever follows, all of one commit at once.

    A few recent sets stay in memory, so that a subscription that has read the log up to here goes live
    even while writes keep coming.
    """

    def __init__(self, shop: int, seq: int, counts: Counts) -> None:
        """shop: row id. seq, counts: of the durable log."""
        self.shop = shop
        self.seq = seq
        self.counts = counts
        self._recent: deque[StoredSet] = deque()
        self._recent_bytes = 0
        self._fresh: list[StoredSet] = []
        self._followers: dict[Follower, None] = {}

    @property
    def is_followed(self) -> bool:
        """Say whether somebody follows live."""
        return bool(self._followers)

    def publish(self, stored: StoredSet) -> None:
        """Take the next durable set; it is handed over before the loop turns."""
        self.seq, self.counts = stored.seq, stored.counts
        self._remember(stored)
        if not self._fresh:
            # Behind the callbacks of the same commit: they all fill one push.
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._fresh.append(stored)

    def add(self, follower: Follower) -> None:
        """Let somebody follow who has everything up to `seq`."""
        self._followers[follower] = None

    def remove(self, follower: Follower) -> None:
        """Stop handing over."""
        self._followers.pop(follower, None)

    def since(self, seq: int) -> list[StoredSet] | None:
        """Give the sets after this one from memory; None if it does not reach back so far."""
        if seq >= self.seq:
            return []
        if not self._recent or self._recent[0].seq > seq + 1:
            return None
        return [stored for stored in self._recent if stored.seq > seq]

    def _remember(self, stored: StoredSet) -> None:
        self._recent.append(stored)
        self._recent_bytes += len(stored.wire)
        while self._recent_bytes > RECENT_BYTES or len(self._recent) > RECENT_SETS:
            self._recent_bytes -= len(self._recent.popleft().wire)

    def _hand_over(self) -> None:
        fresh, self._fresh = self._fresh, []
        packed: dict[tuple[View, int], list[Package]] = {}
        for follower in list(self._followers):
            key = (follower.view, follower.cursor)
            if key not in packed:
                packed[key] = pack_for(follower.view, fresh, follower.cursor)
            follower.follow(packed[key], fresh[-1].seq)


def pack_for(view: View, sets: Sequence[StoredSet], after_seq: int) -> list[Package]:
    """Pack what a view sees of these sets, without those that were handed over before."""
    seen = (see(view, stored) for stored in sets if stored.seq > after_seq)
    return list(pack(visible for visible in seen if visible is not None))
