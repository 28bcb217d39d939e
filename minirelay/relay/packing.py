"""How patch sets are packed into pushes (spec 01, "Request rules")."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from minirelay.protocol.push import cut
from minirelay.protocol.sizes import MAX_PATCHES_PER_PUSH, MAX_PUSH_BYTES
from minirelay.shop.visibility import View
from minirelay.store.messages import StoredSet, TypedSet

# What the length prefix of one set in a push takes at most.
FRAMING_BYTES = 5


class Cursor(NamedTuple):
    """How far a subscriber has come: everything up to seq, and of the next set what comes before a leaf.

    leaf: other than 0 only in the middle of a set that is pushed in parts; it is the next one to push.
    """

    seq: int
    leaf: int = 0


class VisibleSet(msgspec.Struct, frozen=True):
    """A patch set as one subscriber sees it: its number, how many patches, and the encoded set."""

    seq: int
    patch_count: int
    wire: bytes


class Push(msgspec.Struct, frozen=True):
    """What leaves in one push: whole sets, or one part of a large set.

    sets: encoded. patch_count: of all of them. cursor: where a subscriber is who has got this.
    """

    sets: tuple[bytes, ...]
    patch_count: int
    cursor: Cursor


def see(view: View, stored: StoredSet | TypedSet) -> VisibleSet | None:
    """Cut a set to what the view sees; None if that is nothing. stored: if typed, by the view's types."""
    if isinstance(stored, TypedSet) and stored.is_whole:
        return VisibleSet(stored.seq, stored.patch_count, stored.wire)
    leaves = view.visible(stored.leaves)
    if not leaves:
        return None
    wire = stored.wire if len(leaves) == len(stored.leaves) else cut(stored.wire, leaves)
    return VisibleSet(stored.seq, len(leaves), wire)


def pack(visible: Iterable[VisibleSet]) -> Iterator[Push]:
    """Pack sets into pushes, each made when it is asked for: up to 64 patches or 768 KiB, larger sets alone.

    None is so large that it would have to come in parts: see `large_sets.py`.
    """
    sets: list[bytes] = []
    patches = size = seq = 0
    for one in visible:
        one_size = len(one.wire) + FRAMING_BYTES
        is_too_much = patches + one.patch_count > MAX_PATCHES_PER_PUSH or size + one_size > MAX_PUSH_BYTES
        if sets and is_too_much:
            yield Push(tuple(sets), patches, Cursor(seq))
            sets, patches, size = [], 0, 0
        sets.append(one.wire)
        patches += one.patch_count
        size += one_size
        seq = one.seq
    if sets:
        yield Push(tuple(sets), patches, Cursor(seq))
