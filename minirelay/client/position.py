"""How far a subscriber has come in a shop's log."""

from typing import NamedTuple


class Position(NamedTuple):
    """Everything up to and including a leaf of a patch set is known; with leaf None, all of that set.

    A set of more than 900 KiB arrives in parts, so the last one may be known by half. The relay can only be
    asked for what comes after a whole set: `start` is then the number before it, and what is known is left
    out by number and leaf.
    """

    seq: int = 0
    leaf: int | None = None

    @property
    def start(self) -> int:
        """Give the `start_shop_seq_no` of the subscription that goes on from here."""
        return self.seq if self.leaf is None else self.seq - 1

    def covers(self, seq: int, leaf: int) -> bool:
        """Say whether this leaf of that set is known."""
        if seq != self.seq:
            return seq < self.seq
        return self.leaf is None or leaf <= self.leaf


BEGINNING = Position()
"""Nothing is known yet."""
