"""A persistent hash array mapped trie, bytes to bytes, with a hash of its contents (spec 03 "HAMT").

Nodes never change: an update makes new nodes along one path and shares the rest, so a node's hash, once
computed, stays true and costs nothing the next time.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final

_BITS: Final = 6
_LEVELS: Final = 42
_SLOT_MASK: Final = (1 << _BITS) - 1
_ROOT_SHIFT: Final = _BITS * (_LEVELS - 1)


class _Node:
    """A node: a bitmap of the slots in use, and two elements for each of them, in slot order.

    A leaf is its key and its value, a child is None and a node. Below the last level the bitmap is 0 and the
    leaves are in the order in which they came. An entry has no object of its own: leaves are most of the memory.
    """

    __slots__ = ("bitmap", "digest", "entries")

    def __init__(self, bitmap: int, entries: tuple[Any, ...]) -> None:
        self.bitmap = bitmap
        self.entries = entries
        self.digest: bytes | None = None

    def hash(self) -> bytes:
        """Hash the contents; what was hashed before is not hashed again."""
        digest = self.digest
        if digest is None:
            parts = [
                part if type(part) is bytes else part.digest or part.hash()
                for part in self.entries
                if part is not None
            ]
            digest = self.digest = sha256(b"".join(parts)).digest()
        return digest

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through all leaves below, in slot order."""
        entries = iter(self.entries)
        for key, value in zip(entries, entries, strict=True):
            if key is None:
                yield from value.items()
            else:
                yield key, value


_EMPTY_NODE: Final = _Node(0, ())


class Hamt:
    """An immutable mapping of bytes to bytes: every update gives a new one."""

    __slots__ = ("_root", "_size")

    def __init__(self, root: _Node = _EMPTY_NODE, size: int = 0) -> None:
        """Use EMPTY or `from_items` instead."""
        self._root = root
        self._size = size

    @staticmethod
    def from_items(items: Iterable[tuple[bytes, bytes]]) -> "Hamt":
        """Build the trie of many entries at once. Of entries with the same key the last counts."""
        entries = list(dict(items).items())
        trails = [trail_of(key) for key, _ in entries]
        order = sorted(range(len(entries)), key=trails.__getitem__)
        root = _build([trails[i] for i in order], [entries[i] for i in order], 0, len(order), _ROOT_SHIFT)
        return Hamt(root, len(order))

    def get(self, key: bytes) -> bytes | None:
        """Find the value of a key."""
        return _get(self._root, trail_of(key), key)

    def set(self, key: bytes, value: bytes) -> "Hamt":
        """Add an entry, or replace its value. value: canonical CBOR, which is what the hash covers."""
        trail = trail_of(key)
        present = _get(self._root, trail, key)
        if present == value:
            return self
        return Hamt(_set(self._root, _ROOT_SHIFT, trail, key, value), self._size + (present is None))

    def delete(self, key: bytes) -> "Hamt":
        """Remove an entry, if there is one."""
        trail = trail_of(key)
        if _get(self._root, trail, key) is None:
            return self
        return Hamt(_delete(self._root, _ROOT_SHIFT, trail, key), self._size - 1)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through all entries, in slot order."""
        return self._root.items()

    @property
    def root_hash(self) -> bytes:
        """The 32-byte hash of the contents; it costs what changed since the last one was computed."""
        return self._root.hash()

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


def trail_of(key: bytes) -> int:
    """Compute the way of a key from the root down: 42 slots of 6 bits, the root's in the highest."""
    return int.from_bytes(sha256(key).digest()) >> (256 - _BITS * _LEVELS)


def _get(node: _Node, trail: int, key: bytes) -> bytes | None:
    shift = _ROOT_SHIFT
    while shift >= 0:
        bit = 1 << (trail >> shift & _SLOT_MASK)
        bitmap = node.bitmap
        if not bitmap & bit:
            return None
        at = 2 * (bitmap & (bit - 1)).bit_count()
        found = node.entries[at]
        if found is not None:
            return node.entries[at + 1] if found == key else None
        node = node.entries[at + 1]
        shift -= _BITS
    return dict(node.items()).get(key)


def _set(node: _Node, shift: int, trail: int, key: bytes, value: bytes) -> _Node:
    entries = node.entries
    if shift < 0:
        at = _index_at_bottom(entries, key)
        return _Node(0, (*entries[:at], key, value, *entries[at + 2 :]))
    bit = 1 << (trail >> shift & _SLOT_MASK)
    at = 2 * (node.bitmap & (bit - 1)).bit_count()
    if not node.bitmap & bit:
        return _Node(node.bitmap | bit, (*entries[:at], key, value, *entries[at:]))
    found, content = entries[at], entries[at + 1]
    if found == key:
        return _Node(node.bitmap, (*entries[:at], key, value, *entries[at + 2 :]))
    if found is not None:
        content = _set(_EMPTY_NODE, shift - _BITS, trail_of(found), found, content)
    child = _set(content, shift - _BITS, trail, key, value)
    return _Node(node.bitmap, (*entries[:at], None, child, *entries[at + 2 :]))


def _delete(node: _Node, shift: int, trail: int, key: bytes) -> _Node:
    """Remove a key that is there."""
    entries = node.entries
    if shift < 0:
        at = _index_at_bottom(entries, key)
        return _Node(0, entries[:at] + entries[at + 2 :])
    bit = 1 << (trail >> shift & _SLOT_MASK)
    at = 2 * (node.bitmap & (bit - 1)).bit_count()
    if entries[at] is not None:
        return _Node(node.bitmap & ~bit, entries[:at] + entries[at + 2 :])
    child = _delete(entries[at + 1], shift - _BITS, trail, key)
    is_single_leaf = len(child.entries) == 2 and child.entries[0] is not None
    entry = child.entries if is_single_leaf else (None, child)
    return _Node(node.bitmap, entries[:at] + entry + entries[at + 2 :])


def _index_at_bottom(entries: tuple[Any, ...], key: bytes) -> int:
    """Find a key below the last level; the end if it is not there."""
    return next((at for at in range(0, len(entries), 2) if entries[at] == key), len(entries))


def _build(trails: list[int], leaves: list[tuple[bytes, bytes]], start: int, end: int, shift: int) -> _Node:
    """Make the node of leaves start to end, which are sorted by their trails and agree in all slots above."""
    if shift < 0:
        return _Node(0, tuple(part for leaf in leaves[start:end] for part in leaf))
    bitmap = 0
    entries: list[Any] = []
    while start < end:
        prefix = trails[start] >> shift
        bitmap |= 1 << (prefix & _SLOT_MASK)
        if start + 1 == end or trails[start + 1] >> shift != prefix:
            entries += leaves[start]
            start += 1
        else:
            stop = bisect_left(trails, (prefix + 1) << shift, start + 2, end)
            entries += (None, _build(trails, leaves, start, stop, shift - _BITS))
            start = stop
    return _Node(bitmap, tuple(entries))
