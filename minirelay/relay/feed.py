"""The durable end of one shop's log, and the subscriptions that follow it live."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from minirelay.relay.packing import Cursor, Push, pack, see
from minirelay.relay.view import View
from minirelay.store.messages import Counts, StoredSet

log = logging.getLogger(__name__)

LARGE_SET_BYTES = 256 * 1024
"""A larger set is not handed over: cutting it for each view would take the loop's time. It is read."""

RECENT_BYTES = 512 * 1024
RECENT_SETS = 1024


class Follower(Protocol):
    """A live subscription."""

    view: View
    cursor: Cursor

    def follow(self, pushes: Sequence[Push], upto_seq: int) -> None:
        """Take what became durable after `cursor`, up to and including this sequence number."""

    def fall_back(self, unpushed_patches: int) -> None:
        """Read what became durable from the log; that many visible patches are still to come."""

    def fail(self) -> None:
        """End the session: this subscription can't go on without a gap."""


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
        """Take the next durable set; it is handed over in the next turn of the loop."""
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

    @property
    def recent_bytes(self) -> int:
        """Tell what the recent sets take in memory."""
        return self._recent_bytes

    def forget_recent(self) -> None:
        """Let the recent sets go; whoever wants them reads them from the log."""
        self._recent.clear()
        self._recent_bytes = 0

    def _remember(self, stored: StoredSet) -> None:
        self._recent.append(stored)
        self._recent_bytes += len(stored.wire)
        while self._recent_bytes > RECENT_BYTES or len(self._recent) > RECENT_SETS:
            self._recent_bytes -= len(self._recent.popleft().wire)

    def _hand_over(self) -> None:
        fresh, self._fresh = self._fresh, []
        hand_over = Handover(fresh)
        for follower in list(self._followers):
            try:
                hand_over.to(follower)
            except Exception:  # a bug ends one session, which resumes; the others get their sets
                log.exception("sets could not be handed to a subscription because of a bug")
                follower.fail()


class Handover:
    """The sets of one commit on their way to those who follow; what is the same for many is made once."""

    def __init__(self, fresh: Sequence[StoredSet]) -> None:
        """fresh: consecutive sets, at least one."""
        self._fresh = fresh
        self._is_large = any(len(stored.wire) > LARGE_SET_BYTES for stored in fresh)
        self._owners = {leaf.owner for stored in fresh for leaf in stored.leaves}
        self._counts: dict[tuple[View, Cursor], int] = {}
        self._pushes: dict[tuple[View, Cursor], list[Push]] = {}

    def to(self, follower: Follower) -> None:
        """Hand over to one of them."""
        # Guests whose orders are not concerned all see the same: one packing serves thousands.
        concerned = follower.view.owner in self._owners
        key = (follower.view if concerned else follower.view.without_orders(), follower.cursor)
        if self._is_large and (count := self._count(key)):
            follower.fall_back(count)
        else:
            follower.follow(self._pack(key), self._fresh[-1].seq)

    def _count(self, key: tuple[View, Cursor]) -> int:
        if key not in self._counts:
            self._counts[key] = count_for(*key, self._fresh)
        return self._counts[key]

    def _pack(self, key: tuple[View, Cursor]) -> list[Push]:
        if key not in self._pushes:
            self._pushes[key] = pack_for(*key, self._fresh)
        return self._pushes[key]


def count_for(view: View, cursor: Cursor, sets: Iterable[StoredSet]) -> int:
    """Count the patches that a view sees of these sets, without those that were handed over before."""
    return sum(len(view.leaves_of(stored)) for stored in sets if stored.seq > cursor.seq)


def pack_for(view: View, cursor: Cursor, sets: Iterable[StoredSet]) -> list[Push]:
    """Pack what a view sees of these sets, without what was handed over before."""
    seen = (see(view, stored) for stored in sets if stored.seq > cursor.seq)
    return list(pack((visible for visible in seen if visible is not None), cursor.parts))
