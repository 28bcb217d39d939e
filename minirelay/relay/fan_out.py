"""Some sets of a log on their way to those who follow it live; what is the same for many is made once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from minirelay.protocol.sizes import MAX_SET_BYTES
from minirelay.relay.packing import Cursor, Push, pack, see
from minirelay.shop.visibility import View
from minirelay.store.messages import StoredSet

LARGE_SET_BYTES = 256 * 1024
"""A larger set is handed over to those only who see all of it: cutting it for each view would take the
loop's time. The others read it."""


class Follower(Protocol):
    """A live subscription.

    cursor: everything up to there it has. Nothing that it sees lies between there and what it is handed next.
    """

    @property
    def view(self) -> View:
        """Return what it sees; never changes."""

    @property
    def cursor(self) -> Cursor:
        """Return how far it has come; `follow` moves it."""

    def follow(self, pushes: Sequence[Push], after_seq: int, upto_seq: int) -> None:
        """Take all that it sees of the sets after a number, up to and including another."""

    def fall_back(self, after_seq: int, unpushed_patches: int | None) -> None:
        """Read what comes after this number from the log: so many visible patches, None: not known."""

    def fail(self) -> None:
        """End the session: this subscription can't go on without a gap."""


class Share(NamedTuple):
    """What a view gets of some sets. pushes: None if it has to read them."""

    pushes: Sequence[Push] | None
    patch_count: int


class FanOut:
    """Sets to hand over."""

    def __init__(self, after: int, sets: Sequence[StoredSet]) -> None:
        """sets: consecutive, at least one. after: the number before the first of them."""
        self.after = after
        self.upto = sets[-1].seq
        self._sets = sets
        self._owners = {leaf.owner for stored in sets for leaf in stored.leaves}
        self._last: tuple[View, Share] | None = None

    def serve(self, follower: Follower, audience: View) -> None:
        """Hand them to a follower. audience: its view without its own orders, or just its view."""
        share = self._share_of(follower.view, audience)
        if share.pushes is None:
            follower.fall_back(self.after, share.patch_count)
        else:
            follower.follow(share.pushes, self.after, self.upto)

    def _share_of(self, view: View, audience: View) -> Share:
        if view.owner and view.owner in self._owners:
            return share_of(view, self._sets)
        # Those who see the same come one after the other: one packing serves thousands, and is not kept.
        if self._last is None or self._last[0] != audience:
            self._last = (audience, share_of(audience, self._sets))
        return self._last[1]


def share_of(view: View, sets: Sequence[StoredSet]) -> Share:
    """Pack what a view sees of these sets, unless it has to read them."""
    if must_read(view, sets):
        return Share(None, count_for(view, sets))
    pushes = tuple(pack_for(view, sets))
    return Share(pushes, sum(push.patch_count for push in pushes))


def must_read(view: View, sets: Iterable[StoredSet]) -> bool:
    """Return whether one of these sets would have to be split, or cut although it is large."""
    for stored in sets:
        if len(stored.wire) > LARGE_SET_BYTES:
            seen = len(view.visible(stored.leaves))
            if seen and (len(stored.wire) > MAX_SET_BYTES or seen < len(stored.leaves)):
                return True
    return False


def count_for(view: View, sets: Iterable[StoredSet]) -> int:
    """Count the patches that a view sees of these sets."""
    return sum(len(view.visible(stored.leaves)) for stored in sets)


def pack_for(view: View, sets: Iterable[StoredSet]) -> Iterator[Push]:
    """Pack what a view sees of these sets."""
    return pack(visible for stored in sets if (visible := see(view, stored)) is not None)
