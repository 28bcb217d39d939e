"""What goes through a whole trie: to build it of all its entries, and to list them.

Never compiled (setup.py): it may take a second, in which compiled code would let no other thread in.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from minirelay.shop.hamt_node import NOT_HASHED, Leaf, Node
from minirelay.shop.hamt_trail import ROOT_SHIFT, SLOT_BITS, SLOT_MASK, trail_of


def build(items: Iterable[Leaf]) -> tuple[Node, int]:
    """Build the trie of many entries at once; of those with the same key the last counts.

    Returns its root, and how many entries it has.
    """
    leaves = list(dict(items).items())
    trails = [trail_of(key) for key, _ in leaves]
    order = sorted(range(len(leaves)), key=trails.__getitem__)
    root = _build([trails[i] for i in order], [leaves[i] for i in order], 0, len(order), ROOT_SHIFT)
    return root, len(order)


def entries(node: Node) -> Iterator[Leaf]:
    """Go through all leaves of a node and below, in slot order."""
    parts = iter(node.parts)
    children = iter(node.children)
    inner, unseen = node.inner, node.used
    for key, value in zip(parts, parts, strict=True):
        bit = unseen & -unseen
        unseen ^= bit
        if inner & bit:
            yield from entries(next(children))
        else:
            yield key, value


def _build(trails: list[int], leaves: list[Leaf], start: int, end: int, shift: int) -> Node:
    """Make the node of leaves start to end, which are sorted by their trails and agree in all slots above."""
    if shift < 0:
        flat = tuple(part for leaf in leaves[start:end] for part in leaf)
        return Node(0, 0, flat, (), 0, sum(map(len, flat)))
    used = inner = below = 0
    parts: list[bytes] = []
    children: list[Node] = []
    while start < end:
        prefix = trails[start] >> shift
        bit = 1 << (prefix & SLOT_MASK)
        used |= bit
        if start + 1 == end or trails[start + 1] >> shift != prefix:
            parts += leaves[start]
            start += 1
        else:
            stop = bisect_left(trails, (prefix + 1) << shift, start + 2, end)
            inner |= bit
            parts += NOT_HASHED
            child = _build(trails, leaves, start, stop, shift - SLOT_BITS)
            below += child.unhashed
            children.append(child)
            start = stop
    return Node(used, inner, tuple(parts), tuple(children), inner, sum(map(len, parts)), below)
