"""A node of the trie (spec 03 "HAMT"), and how a changed one is made of it."""

from typing import Final

from minirelay.shop.hamt_digest import digest_of

Leaf = tuple[bytes, bytes]

NOT_HASHED: Final = (b"", b"")
"""What stands in `Node.parts` for a child whose hash is not known yet."""


class Node:
    """A node of the trie. What it stands for never changes; `hash` alone changes what is remembered besides.

    That is `parts`, `stale`, `unhashed` and `digest`. A trie that has not been hashed belongs to one thread:
    what hands a state to another one hashes it before.

    used: a bitmap of the slots in use; inner: of those that hold a child. parts: two byte strings for each
    slot in use, in slot order: the key and value of a leaf, or nothing and the hash of a child. children: in
    slot order. stale: a bitmap of the children whose hash is not in `parts` yet. size: of the leaves in
    `parts`, in bytes; unhashed: of those that are not hashed yet, here and below, at most.

    So the node's hash covers its parts joined, which costs no step per entry; and an entry has no object of
    its own, which would be most of the memory. Below the last level the bitmaps are 0 and the leaves are in
    the order in which they came.
    """

    __slots__ = ("children", "digest", "inner", "parts", "size", "stale", "unhashed", "used")

    def __init__(
        self,
        used: int,
        inner: int,
        parts: tuple[bytes, ...],
        children: tuple["Node", ...],
        stale: int,
        size: int,
        below: int = 0,
    ) -> None:
        """below: `unhashed` of all stale children."""
        self.used = used
        self.inner = inner
        self.parts = parts
        self.children = children
        self.stale = stale
        self.size = size
        self.unhashed = size + below
        self.digest: bytes | None = None

    def hash(self) -> bytes:
        """Hash the contents; what was hashed before is not hashed again."""
        digest = self.digest
        if digest is None:
            if self.stale:
                self._complete_parts()
            digest = self.digest = digest_of(self.parts)
            self.unhashed = 0
        return digest

    def _complete_parts(self) -> None:
        parts = list(self.parts)
        used, stale = self.used, self.stale
        children, inner = self.children, self.inner
        while stale:
            below = (stale & -stale) - 1
            child = children[(inner & below).bit_count()]
            parts[2 * (used & below).bit_count() + 1] = child.digest or child.hash()
            stale &= stale - 1
        self.parts = tuple(parts)
        self.stale = 0

    def place(self, bit: int) -> int:
        """Return where in `parts` a slot's two are, or would be."""
        return 2 * (self.used & (bit - 1)).bit_count()

    def child(self, bit: int) -> "Node":
        """Return the child in a slot that has one."""
        return self.children[(self.inner & (bit - 1)).bit_count()]

    def find(self, bit: int, key: bytes) -> int:
        """Return where in `parts` a leaf is, -1 if it isn't. bit: its slot; 0 below the last level."""
        if bit:
            if not self.used & bit:
                return -1
            place = 2 * (self.used & (bit - 1)).bit_count()
            return place if self.parts[place] == key else -1
        return next((at for at in range(0, len(self.parts), 2) if self.parts[at] == key), -1)

    def with_leaf(self, bit: int, leaf: Leaf) -> "Node":
        """Put a leaf into a slot, in place of what is there."""
        place = self.place(bit) if bit else len(self.parts)
        parts = list(self.parts)
        size = self.size + len(leaf[0]) + len(leaf[1])
        parts[place : place + 2 if self.used & bit else place] = leaf
        children = self.children
        if self.inner & bit:
            at = (self.inner & (bit - 1)).bit_count()
            children = children[:at] + children[at + 1 :]
        stale, below = self.stale & ~bit, self._below(bit)
        return Node(self.used | bit, self.inner & ~bit, tuple(parts), children, stale, size, below)

    def with_value(self, place: int, value: bytes) -> "Node":
        """Replace the value of a leaf. place: what `find` gave."""
        parts = list(self.parts)
        size = self.size - len(parts[place + 1]) + len(value)
        parts[place + 1] = value
        return Node(self.used, self.inner, tuple(parts), self.children, self.stale, size, self._below())

    def without_leaf(self, bit: int, place: int) -> "Node":
        """Take a leaf out. place: what `find` gave."""
        parts = self.parts[:place] + self.parts[place + 2 :]
        size = self.size - len(self.parts[place]) - len(self.parts[place + 1])
        return Node(self.used & ~bit, self.inner, parts, self.children, self.stale, size, self._below())

    def with_child(self, bit: int, child: "Node") -> "Node":
        """Put a child into a slot, in place of the leaf or the child that is there."""
        at = (self.inner & (bit - 1)).bit_count()
        children = list(self.children)
        parts = self.parts
        size = self.size
        if self.inner & bit:
            children[at] = child
        else:
            children.insert(at, child)
            place = self.place(bit)
            size -= len(parts[place]) + len(parts[place + 1])
            parts = parts[:place] + NOT_HASHED + parts[place + 2 :]
        below = self._below(bit) + child.unhashed
        return Node(self.used, self.inner | bit, parts, tuple(children), self.stale | bit, size, below)

    def _below(self, but: int = 0) -> int:
        """Tell how many bytes of leaves below are not hashed yet, without those in one slot."""
        if not self.stale:
            return 0
        below = self.unhashed - self.size
        return below - self.child(but).unhashed if self.stale & but else below


NO_NODE: Final = Node(0, 0, (), (), 0, 0)
