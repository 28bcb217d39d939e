"""What judging a patch set costs, counted while it is done.

A patch of twenty bytes may have an object of a megabyte decoded and encoded, and others to see whether it
is right about them. It can't be told from the set's size; so everything that takes longer in a larger shop,
or with larger objects, is counted as it is done. The unit is about 30 nanoseconds, where a recovery of a
signer takes 66,000.
"""

from math import inf
from typing import Final

from minirelay.errors import MinirelayError

PATCH: Final = 150
CHANGE: Final = 500
"""A changed object: its row, and the new nodes on its way in the trie."""

LOOKUP: Final = 40
TAG: Final = 48
"""To pass by a tag in search of a listing."""

HASHED_BYTES: Final = 16
SEARCHED_BYTES: Final = 64
MOVED_ENTRIES: Final = 32
COMPARED_ENTRIES: Final = 4
SEARCHED_CARDS: Final = 8
"""So many of them are one unit."""


class WorkExceeded(MinirelayError):
    """Judging was given up before it was done: it would have taken more work than it may."""


class Work:
    """Counts. most: in units; infinite: as much as it takes, which is how logs are replayed."""

    __slots__ = ("most", "spent")

    def __init__(self, most: float = inf) -> None:
        """Begin with nothing done."""
        self.most = most
        self.spent = 0

    def spend(self, units: int) -> None:
        """Count something. Raises WorkExceeded if it is too much."""
        self.spent += units
        if self.spent > self.most:
            raise self._exceeded()

    def check(self, units: int) -> None:
        """Raise WorkExceeded if something would be too much that takes so much at most."""
        if self.spent + units > self.most:
            raise self._exceeded()

    def move_entries(self, count: int) -> None:
        """Count an entry put into a list of this length, or taken out, which moves those behind it."""
        self.spend(count // MOVED_ENTRIES)

    def _exceeded(self) -> WorkExceeded:
        return WorkExceeded(f"more than {self.most} units of work")
