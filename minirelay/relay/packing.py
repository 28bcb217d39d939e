"""How patch sets are packed into pushes (spec 01, "Request rules")."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from minirelay.protocol.push import count_patches, cut, split
from minirelay.protocol.sizes import MAX_PATCHES_PER_PUSH, MAX_PUSH_BYTES, MAX_SET_BYTES
from minirelay.relay.view import View
from minirelay.store.messages import StoredSet

# What the length prefix of one set in a push takes at most.
FRAMING_BYTES = 5


class Cursor(NamedTuple):
    """How far a subscriber has come: everything up to seq, and some parts of the next set that it sees.

    parts: other than 0 only in the middle of a set that is split. A view never changes and neither does a
    set, so its parts are always the same.
    """

    seq: int
    parts: int = 0


class VisibleSet(msgspec.Struct, frozen=True):
    """A patch set as one subscriber sees it: its number, how many patches, and the encoded set."""

    seq: int
    patch_count: int
    wire: bytes


class Push(msgspec.Struct, frozen=True):
    """What leaves in one push: whole sets, or one part of a set that is split.

    sets: encoded. patch_count: of all of them. cursor: where a subscriber is who has got this.
    """

    sets: tuple[bytes, ...]
    patch_count: int
    cursor: Cursor


def see(view: View, stored: StoredSet) -> VisibleSet | None:
    """Cut a set to what the view holds; None if that is nothing."""
    leaves = view.leaves_of(stored)
    if not leaves:
        return None
    wire = stored.wire if len(leaves) == len(stored.leaves) else cut(stored.wire, leaves)
    return VisibleSet(stored.seq, len(leaves), wire)


def pack(visible: Iterable[VisibleSet], parts: int = 0) -> Iterator[Push]:
    """Pack sets into pushes: up to 64 patches or 768 KiB, larger ones alone, beyond 900 KiB in parts.

    parts: how many parts of the first set the subscriber has already.
    """
    sets: list[bytes] = []
    patches = size = seq = 0
    for one in visible:
        one_size = len(one.wire) + FRAMING_BYTES
        is_split = one_size > MAX_SET_BYTES
        is_too_much = patches + one.patch_count > MAX_PATCHES_PER_PUSH or size + one_size > MAX_PUSH_BYTES
        if sets and (is_split or is_too_much):
            yield Push(tuple(sets), patches, Cursor(seq))
            sets, patches, size = [], 0, 0
        if is_split:
            yield from _pack_parts(one, parts)
        else:
            sets.append(one.wire)
            patches += one.patch_count
            size += one_size
        seq, parts = one.seq, 0
    if sets:
        yield Push(tuple(sets), patches, Cursor(seq))


def _pack_parts(visible: VisibleSet, sent: int) -> Iterator[Push]:
    parts = split(visible.wire)
    for number, part in enumerate(parts[sent:], start=sent + 1):
        is_last = number == len(parts)
        cursor = Cursor(visible.seq) if is_last else Cursor(visible.seq - 1, number)
        yield Push((part,), count_patches(part), cursor)
