"""How patch sets are packed into pushes (spec 01, "Request rules")."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from minirelay.protocol.push import (
    MAX_PATCHES_PER_PUSH,
    MAX_PUSH_BYTES,
    MAX_SET_BYTES,
    cut,
    split,
)
from minirelay.relay.view import View
from minirelay.store.messages import StoredSet

# What the length prefix of one set in a push takes at most.
FRAMING_BYTES = 5


@dataclass(frozen=True, slots=True)
class VisibleSet:
    """A patch set as one subscriber sees it: its number, how many patches, and the encoded set."""

    seq: int
    patch_count: int
    wire: bytes


@dataclass(frozen=True, slots=True)
class Package:
    """What is handed over at once: one push of whole sets, or all the pushes of one set that is split.

    pushes: the encoded sets of each push. seq: the sequence number it ends with. patch_count: of all of it.
    """

    pushes: tuple[tuple[bytes, ...], ...]
    seq: int
    patch_count: int


def see(view: View, stored: StoredSet) -> VisibleSet | None:
    """Cut a set to what the view holds; None if that is nothing."""
    leaves = view.leaves_of(stored)
    if not leaves:
        return None
    wire = stored.wire if len(leaves) == len(stored.leaves) else cut(stored.wire, leaves)
    return VisibleSet(stored.seq, len(leaves), wire)


def pack(visible: Iterable[VisibleSet]) -> Iterator[Package]:
    """Pack sets into pushes: up to 64 patches or 768 KiB, larger ones alone, beyond 900 KiB in parts."""
    sets: list[bytes] = []
    patches = size = seq = 0
    for one in visible:
        one_size = len(one.wire) + FRAMING_BYTES
        if sets and (patches + one.patch_count > MAX_PATCHES_PER_PUSH or size + one_size > MAX_PUSH_BYTES):
            yield Package((tuple(sets),), seq, patches)
            sets, patches, size = [], 0, 0
        seq = one.seq
        if one_size > MAX_SET_BYTES:
            parts = tuple((part,) for part in split(one.wire))
            yield Package(parts, seq, one.patch_count)
        else:
            sets.append(one.wire)
            patches += one.patch_count
            size += one_size
    if sets:
        yield Package((tuple(sets),), seq, patches)
