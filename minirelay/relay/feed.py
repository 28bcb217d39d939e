"""The durable end of one shop's log, and the subscriptions that follow it live.

What is published is handed over in rounds. A round goes to those who may see some of what was published
before it began, found by index; each gets all that is there when its turn comes. So a write costs nothing for
followers who see none of it, a round has an end however fast writes come, and nothing waits for it but the
recent sets: a follower that they no longer reach reads the log.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Final, NamedTuple

from minirelay.metrics import Histogram
from minirelay.relay.audience import Audiences, Touched
from minirelay.relay.fan_out import FanOut, Follower, must_read
from minirelay.relay.slices import SlicedWork
from minirelay.shop.visibility import View
from minirelay.store.messages import Counts, StoredSet

log = logging.getLogger(__name__)

RECENT_BYTES = 1024 * 1024
RECENT_SETS = 1024


class Feed:
    """Hand durable sets to the followers that see some of them.

    A few recent sets stay in memory, so that a subscription that has read the log up to here goes live
    even while writes keep coming.
    """

    def __init__(
        self, shop: int, seq: int, counts: Counts, work: SlicedWork, latency: Histogram | None = None
    ) -> None:
        """shop: row id. seq, counts: of the durable log. work: where handing over takes its turn.

        latency: how long rounds take from when the first of their sets became durable, in seconds.
        """
        self._latency = Histogram() if latency is None else latency
        self._touched_at = 0.0
        self.shop = shop
        self.seq = seq
        self.counts = counts
        self._work = work
        self._recent: deque[StoredSet] = deque()
        self._recent_bytes = 0
        self._recent_after = seq
        """`_recent` holds all sets after this one."""
        self._followers: Audiences[Follower] = Audiences()
        self._handed_seq = seq
        """All of what came up to here has been handed to all who see it."""
        self._touched = Touched()
        """What the next round has to hand over, as far as it is followed."""
        self._is_handing_over = False
        self._fan_out: FanOut | None = None
        self._latest = NOTHING_NEW

    @property
    def is_followed(self) -> bool:
        """Return whether any subscription follows live."""
        return bool(self._followers)

    def publish(self, sets: Sequence[StoredSet]) -> None:
        """Take the durable sets of the next commit, at least one; handing them over begins a turn later."""
        self._remember(sets)
        self.seq, self.counts = sets[-1].seq, sets[-1].counts
        if self._followers:
            self._touch(sets)
        else:
            self._latest = NOTHING_NEW
        if not self._is_handing_over:
            self._handed_seq = self.seq

    def _touch(self, sets: Sequence[StoredSet]) -> None:
        """See to it that those who follow what these sets touch are handed them."""
        touched = self._followers.followed(Touched.by(sets))
        self._latest = Latest(sets[0].seq, touched)
        if not touched:
            return
        if not self._touched:
            self._touched_at = perf_counter()
        self._touched.add(touched)
        if not self._is_handing_over:
            # Behind the callbacks of the same commit: they all fill one push.
            self._is_handing_over = True
            self._work.add(self._hand_over())

    def add(self, follower: Follower) -> None:
        """Let a subscription follow that has everything up to `seq`."""
        self._followers.add(follower)

    def remove(self, follower: Follower) -> None:
        """Stop handing over."""
        self._followers.remove(follower)

    def echo(self, follower: Follower) -> None:
        """Hand the sets of the latest commit to one who sees some of them now, behind all that come before.

        If they have to be read from the log, it gets them in its turn.
        """
        if follower in self._followers and self._latest.touched.meets(follower.view):
            _attempt(self._echo, follower)

    def since(self, seq: int) -> list[StoredSet] | None:
        """Return the sets after this one from memory; None if it does not reach back so far."""
        if seq < self._recent_after:
            return None
        sets: list[StoredSet] = []
        for stored in reversed(self._recent):
            if stored.seq <= seq:
                break
            sets.append(stored)
        sets.reverse()
        return sets

    @property
    def recent_bytes(self) -> int:
        """Return what the recent sets take in memory."""
        return self._recent_bytes

    def forget_recent(self) -> None:
        """Let the recent sets go; subscriptions that need them read them from the log."""
        self._recent.clear()
        self._recent_bytes = 0
        self._recent_after = self.seq

    def _remember(self, sets: Sequence[StoredSet]) -> None:
        recent = self._recent
        recent += sets
        for stored in sets:
            self._recent_bytes += len(stored.wire)
        while self._recent_bytes > RECENT_BYTES or len(recent) > RECENT_SETS:
            oldest = recent.popleft()
            self._recent_bytes -= len(oldest.wire)
            self._recent_after = oldest.seq

    def _hand_over(self) -> Iterator[None]:
        """Hand over in rounds, one follower a step, until nothing is left to hand over."""
        while self._touched:
            touched, self._touched = self._touched, Touched()
            upto, touched_at = self.seq, self._touched_at
            for audience, follower in self._followers.seeing(touched):
                # Who has it got it for another of its filters, or as an echo, or came later.
                if follower in self._followers and follower.cursor.seq < upto:
                    _attempt(self._hand_to, follower, audience)
                yield
            self._handed_seq = upto
            self._latency.observe(perf_counter() - touched_at)
        self._handed_seq = self.seq
        self._fan_out = None
        self._latest = NOTHING_NEW
        self._is_handing_over = False

    def _hand_to(self, follower: Follower, audience: View) -> None:
        after = self._has(follower)
        fan_out = self._fan_out
        if fan_out is None or (fan_out.after, fan_out.upto) != (after, self.seq):
            sets = self.since(after)
            if sets is None:
                follower.fall_back(after, None)
                return
            fan_out = self._fan_out = FanOut(after, sets)
        fan_out.serve(follower, audience)

    def _echo(self, follower: Follower) -> None:
        after = self._has(follower)
        sets = self.since(after)
        if sets is None or must_read(follower.view, sets):
            return
        before = [stored for stored in sets if stored.seq < self._latest.first_seq]
        for part in (before, sets[len(before) :]):
            if part and follower in self._followers:
                FanOut(after, part).serve(follower, follower.view)
                after = part[-1].seq

    def _has(self, follower: Follower) -> int:
        """Return the number of the last set up to which a follower has all that it sees."""
        return max(follower.cursor.seq, self._handed_seq)


class Latest(NamedTuple):
    """The latest commit: the number of its first set, and what it touches."""

    first_seq: int
    touched: Touched


NOTHING_NEW: Final = Latest(0, Touched())
"""Nobody follows what the latest commit touches."""


def _attempt(work: Callable[..., None], follower: Follower, *more: View) -> None:
    try:
        work(follower, *more)
    except Exception:  # a bug ends one session, which resumes; the others get their sets
        log.exception("sets could not be handed to a subscription because of a bug")
        follower.fail()
