"""A persistent hash array mapped trie, bytes to bytes, with a hash of its contents (spec 03 "HAMT").

Nodes never change: an update makes new nodes along one path and shares the rest, so a node's hash, once
computed, stays true and costs nothing the next time.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from minirelay.shop.hamt_node import NO_NODE, Leaf, Node
from minirelay.shop.hamt_trail import ROOT_SHIFT, SLOT_BITS, SLOT_MASK, trail_of
from minirelay.shop.hamt_whole import build, entries


class Hamt:
    """An immutable mapping of bytes to bytes: every update gives a new one."""

    __slots__ = ("_root", "_size")

    def __init__(self, root: Node = NO_NODE, size: int = 0) -> None:
        """Use EMPTY or `from_items` instead."""
        self._root = root
        self._size = size

    @staticmethod
    def from_items(items: Iterable[Leaf]) -> "Hamt":
        """Build the trie of many entries at once. Of entries with the same key the last counts."""
        root, size = build(items)
        return Hamt(root, size)

    def get(self, key: bytes) -> bytes | None:
        """Find the value of a key."""
        trail = trail_of(key)
        node = self._root
        shift = ROOT_SHIFT
        bit = 1 << (trail >> shift & SLOT_MASK)
        # The calls that this spares are as much as the rest of it.
        while node.inner & bit:
            node = node.children[(node.inner & (bit - 1)).bit_count()]
            shift -= SLOT_BITS
            bit = 1 << (trail >> shift & SLOT_MASK) if shift >= 0 else 0
        place = node.find(bit, key)
        return None if place < 0 else node.parts[place + 1]

    def set(self, key: bytes, value: bytes) -> "Hamt":
        """Add an entry, or replace its value. value: canonical CBOR, which is what the hash covers."""
        trail = trail_of(key)
        path, node, shift, own_bit = self._follow(trail)
        place = node.find(own_bit, key)
        if place < 0:
            node = _add(node, shift, trail, (key, value))
        elif node.parts[place + 1] == value:
            return self
        else:
            node = node.with_value(place, value)
        for parent, bit in reversed(path):
            node = parent.with_child(bit, node)
        return Hamt(node, self._size + (place < 0))

    def delete(self, key: bytes) -> "Hamt":
        """Remove an entry, if there is one."""
        trail = trail_of(key)
        path, node, _, own_bit = self._follow(trail)
        place = node.find(own_bit, key)
        if place < 0:
            return self
        node = node.without_leaf(own_bit, place)
        for parent, bit in reversed(path):
            match node.parts:
                case (last_key, last_value) if not node.inner:
                    node = parent.with_leaf(bit, (last_key, last_value))
                case _:
                    node = parent.with_child(bit, node)
        return Hamt(node, self._size - 1)

    def _follow(self, trail: int) -> tuple[list[tuple[Node, int]], Node, int, int]:
        """Go down a trail: the nodes passed with the slots taken; the node at the end, its shift and slot."""
        path = []
        node = self._root
        shift = ROOT_SHIFT
        bit = 1 << (trail >> shift & SLOT_MASK)
        while node.inner & bit:
            path.append((node, bit))
            node = node.children[(node.inner & (bit - 1)).bit_count()]
            shift -= SLOT_BITS
            bit = 1 << (trail >> shift & SLOT_MASK) if shift >= 0 else 0
        return path, node, shift, bit

    def items(self) -> Iterator[Leaf]:
        """Go through all entries, in slot order."""
        return entries(self._root)

    @property
    def root_hash(self) -> bytes:
        """Return the 32-byte hash of the contents; it costs what changed since the last one was computed."""
        root = self._root
        return root.hash() if root.digest is None else root.digest

    @property
    def unhashed_bytes(self) -> int:
        """Return how many bytes `root_hash` has to hash at most, beside the hashes of nodes."""
        return self._root.unhashed

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: bytes) -> bool:
        return self.get(key) is not None

    def __eq__(self, other: object) -> bool:
        """Compare the contents, entry by entry."""
        if not isinstance(other, Hamt):
            return NotImplemented
        return self._root is other._root or (
            len(self) == len(other) and list(self.items()) == list(other.items())
        )

    def __hash__(self) -> int:
        return hash(self.root_hash)

    def __repr__(self) -> str:
        return f"<Hamt of {self._size} entries>"


EMPTY: Final = Hamt()


def _bit(trail: int, shift: int) -> int:
    """Return the bit of a trail's slot in a level's bitmaps, 0 below the last level. shift: of the level."""
    return 1 << (trail >> shift & SLOT_MASK) if shift >= 0 else 0


def _add(node: Node, shift: int, trail: int, leaf: Leaf) -> Node:
    """Add a leaf whose key is not in this node, and whose slot holds no child."""
    bit = _bit(trail, shift)
    if not node.used & bit:
        return node.with_leaf(bit, leaf)
    place = node.place(bit)
    other = node.parts[place], node.parts[place + 1]
    below = shift - SLOT_BITS
    child = _add(_add(NO_NODE, below, trail_of(other[0]), other), below, trail, leaf)
    return node.with_child(bit, child)
