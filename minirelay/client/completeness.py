"""Whether anything of the log is missing from what was received.

Sequence numbers have no gaps in the log but those of a restore (spec 05, 09), which are known by their
numbers, and the proof of the last patch of a set says that it is the last: all that lies to its right in the
tree is padding. So a subscriber who sees everything can tell that it does, and one who had something
withheld can tell that, too.
"""

from functools import lru_cache
from hashlib import sha256
from typing import cast

from minirelay.client.received import BEGINNING, Position, ReceivedSet
from minirelay.protocol.cbor import decode
from minirelay.protocol.gaps import may_follow
from minirelay.protocol.mmr import node_index

_PADDING = sha256(b"").digest()


class Completeness:
    """Follows one unfiltered subscription. first_gap: what was missing first, in words; None: nothing."""

    def __init__(self, position: Position = BEGINNING, is_complete: bool = True) -> None:
        """position: where the subscription begins. is_complete: nothing is missing up to there."""
        self.first_gap = None if is_complete else f"something up to patch set {position.seq}"
        self._seq = position.seq
        self._next_leaf = None if position.leaf is None else position.leaf + 1

    @property
    def is_whole(self) -> bool:
        """Return whether all sets up to the last one were received in full, that one included."""
        return self.first_gap is None and self._next_leaf is None

    @property
    def position(self) -> Position:
        """Return how far the log was received."""
        return Position(self._seq, None if self._next_leaf is None else self._next_leaf - 1)

    def add(self, received: ReceivedSet) -> None:
        """Take note of what was received. It comes in the order of the log, nothing of it twice."""
        if self.first_gap is None:
            self.first_gap = self._gap_before(received)
        is_over = is_last_leaf(received.last_proof, received.leaves[-1])
        self._seq = received.seq
        self._next_leaf = None if is_over else received.leaves[-1] + 1

    def _gap_before(self, received: ReceivedSet) -> str | None:
        if self._next_leaf is not None and received.seq != self._seq:
            return f"the end of patch set {self._seq}"
        if self._next_leaf is None and not may_follow(received.seq, self._seq):
            return f"patch set {self._seq + 1}"
        expected = self._next_leaf or 0
        for leaf in received.leaves:
            if leaf != expected:
                return f"leaf {expected} of patch set {received.seq}"
            expected += 1
        return None


def is_last_leaf(proof: bytes, leaf: int) -> bool:
    """Return whether only padding follows a leaf in its tree.

    proof: one that was verified. leaf: the index that it proves.
    """
    _, _, siblings = cast(tuple[int, int, list[bytes]], decode(proof))
    return all(
        sibling == _padding(leaf >> height | 1, height)
        for height, sibling in enumerate(siblings)
        if not leaf >> height & 1
    )


@lru_cache(4096)
def _padding(index: int, height: int) -> bytes:
    """Hash a subtree of nothing but padding: node `index`, counted from 0, of the row at `height`."""
    if height == 0:
        return _PADDING
    position = node_index(((index + 1) << height) - 1) + height + 1
    return sha256(
        position.to_bytes(8) + _padding(2 * index, height - 1) + _padding(2 * index + 1, height - 1)
    ).digest()
