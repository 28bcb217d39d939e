"""Who may upload when many want to: each shop has as much of it as the others, and in it each key card.

Whoever is alone may take all places. When none is left, one is taken back for a client of a shop that has
fewer, so that slow senders can't keep others waiting: from the shop that has most, in it from the key card
that has most, of those the slowest. It is never taken back for a client whose shop would then have more than
the other, so places don't go to and fro. An upload that is slower than any may be (spec 08) keeps its place
only while no other client wants it.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

SLOWEST_BYTES_PER_S: Final = 8 * 1024
"""After the first minute an upload has to be this fast, from its beginning; or sooner, when others wait."""

PATIENCE_S: Final = 10.0
"""So long an upload may be slower although other clients wait."""


class Place:
    """A place that an upload has."""

    def __init__(self, card: int, shop: int, begun_at: float) -> None:
        """For `UploadPlaces.take`. card, shop: row ids. begun_at: on the places' clock."""
        self.card = card
        self.shop = shop
        self.begun_at = begun_at
        self.received_bytes = 0
        """Of the file. Whoever has the place keeps count."""
        self.is_whole = False
        """Whether all of the file is there: such a place is not taken back."""
        self.is_lost = False
        """Whether it was taken back."""
        self._end: Callable[[], None] = _nothing

    def when_lost(self, end: Callable[[], None]) -> None:
        """Have a function called when the place is taken back; at once if it was."""
        self._end = end
        if self.is_lost:
            end()

    def lose(self) -> None:
        """End the upload: its place is another's."""
        self.is_lost = True
        self._end()

    def bytes_per_s(self, now: float) -> float:
        """Return how fast it is, from its beginning."""
        # A second more: what has hardly begun is not slow.
        return (self.received_bytes + SLOWEST_BYTES_PER_S) / (now - self.begun_at + 1)


class UploadPlaces:
    """The places that all uploads share."""

    def __init__(self, count: int, clock: Callable[[], float]) -> None:
        """clock: monotonic, in seconds."""
        self._count = count
        self._clock = clock
        self._taken: list[Place] = []

    def take(self, card: int, shop: int) -> Place | None:
        """Take a place, perhaps another's, which then has to end; None if none can be had."""
        if len(self._taken) >= self._count:
            lost = self._find_other(card, shop)
            if lost is None:
                return None
            self._taken.remove(lost)
            lost.lose()
        place = Place(card, shop, self._clock())
        self._taken.append(place)
        return place

    def give_back(self, place: Place) -> None:
        """Give a place back that was not lost before."""
        if not place.is_lost:
            self._taken.remove(place)

    def _find_other(self, card: int, shop: int) -> Place | None:
        now = self._clock()
        of_most = _of_most(self._taken, lambda one: one.shop, shop)
        if of_most is not None:
            # Whichever card of that shop has most, be it one place.
            return self._slowest(_of_most(of_most, lambda one: one.card, None) or of_most, now)
        own = [one for one in self._taken if one.shop == shop]
        of_most = _of_most(own, lambda one: one.card, card)
        if of_most is not None:
            return self._slowest(of_most, now)
        late = [one for one in self._taken if now - one.begun_at >= PATIENCE_S]
        slow = [one for one in late if one.bytes_per_s(now) < SLOWEST_BYTES_PER_S]
        return self._slowest(slow, now)

    def _slowest(self, places: Iterable[Place], now: float) -> Place | None:
        waiting = [one for one in places if not one.is_whole]
        return min(waiting, key=lambda one: one.bytes_per_s(now), default=None)


def _of_most(places: list[Place], key: Callable[[Place], int], own: int | None) -> list[Place] | None:
    """Return the places of whoever has most; None unless that is more than the own one has with one more."""
    if not places:
        return None
    counts = Counter(map(key, places))
    who, most = counts.most_common(1)[0]
    if own is not None and most <= counts[own] + 1:
        return None
    return [one for one in places if key(one) == who]


def _nothing() -> None:
    pass
