"""Many rows of equal shape as one row of the bulk insert, which SQLite takes apart.

A set that fills a shop brings two rows for each of its patches. One by one each costs five microseconds, part
of it under the interpreter lock, which the event loop waits for; together they cost a third of that. What
their keys or values are is joined end to end, and JSON says where to cut.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, TypeVar

from minirelay.store.bulk_insert import Kind, Rows
from minirelay.store.messages import ObjectRow, StoredSet
from minirelay.store.one_step import number_list

T = TypeVar("T")

FEWEST: Final = 4
"""Fewer rows are sooner stored one by one."""

MOST: Final = 256
"""So many at a time, so that what is joined stays small."""

_LENGTH_BITS: Final = 12
"""In what says where a value is: its length, below where it begins. It fits: see PIECE_BYTES."""

Place = tuple[int, int, bytes]
"""Where an object is: shop (row id), object type, key."""


def add_patches(rows: Rows, shop: int, one: StoredSet) -> None:
    """Add the rows of a set's patches in `patch_index`. shop: row id."""
    alike: dict[tuple[int, int, int], list[int]] = {}
    for index, leaf in enumerate(one.leaves):
        alike.setdefault((+leaf.object_type, len(leaf.object_id), leaf.owner), []).append(index)
    for (object_type, size, owner), indexes in alike.items():
        # SQLite cuts nothing out of nothing: it would say NULL.
        if len(indexes) < FEWEST or not size:
            for index in indexes:
                rows.add(Kind.PATCH, shop, object_type, one.leaves[index].object_id, one.seq, index, owner)
            continue
        for some in _parts(indexes):
            ids = b"".join([one.leaves[index].object_id for index in some])
            rows.add_pack(
                len(some), Kind.PATCHES, shop, object_type, ids, size, one.seq, owner, number_list(some)
            )


def add_objects(rows: Rows, changes: Iterable[tuple[Place, ObjectRow]]) -> None:
    """Add the rows of objects that are there and lie in one piece, each place once."""
    alike: dict[tuple[int, int, int, int], list[tuple[bytes, bytes]]] = {}
    for (shop, object_type, key), change in changes:
        entry = key, change.value or b""
        alike.setdefault((shop, object_type, len(key), change.owner), []).append(entry)
    for (shop, object_type, size, owner), entries in alike.items():
        if len(entries) < FEWEST or not size or not all(value for _, value in entries):
            for key, value in entries:
                rows.add(Kind.OBJECT, shop, object_type, key, owner, value, 0)
            continue
        for some in _parts(entries):
            keys, values = zip(*some, strict=True)
            rows.add_pack(
                *(len(some), Kind.OBJECTS, shop, object_type, b"".join(keys), size, owner),
                *(b"".join(values), _cuts(values)),
            )


def _parts(entries: Sequence[T]) -> Iterable[Sequence[T]]:
    return [entries[start : start + MOST] for start in range(0, len(entries), MOST)]


def _cuts(values: Sequence[bytes]) -> str:
    """Say where each value begins, counted from 1, and how long it is: one number for each."""
    lengths = list(map(len, values))
    starts = accumulate(lengths, initial=1)
    return number_list(
        [start << _LENGTH_BITS | length for start, length in zip(starts, lengths, strict=False)]
    )
