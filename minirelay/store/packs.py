"""Many rows of equal shape as one row of the bulk insert, which SQLite takes apart.

A set that fills a shop brings two rows for each of its patches. One by one each costs some microseconds, part
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

LEAF_BITS: Final = 20
"""In what says where a patch is: its leaf, below the number of its set. It fits: see MAX_PATCHES_PER_SET."""

_LENGTH_BITS: Final = 12
"""In what says where a value is: its length, below where it begins. It fits: see PIECE_BYTES."""

Place = tuple[int, int, bytes]
"""Where an object is: shop (row id), object type, key."""


class IndexRows:
    """The rows of `patch_index` of a transaction."""

    def __init__(self) -> None:
        """Start without a row."""
        self._alike: dict[tuple[int, int, int, int], list[tuple[bytes, int]]] = {}

    def add(self, shop: int, one: StoredSet) -> None:
        """Take the patches of a set. shop: row id."""
        alike, first = self._alike, one.seq << LEAF_BITS
        for place, leaf in enumerate(one.leaves, start=first):
            shape = shop, +leaf.object_type, len(leaf.object_id), leaf.owner
            alike.setdefault(shape, []).append((leaf.object_id, place))

    def add_to(self, rows: Rows) -> None:
        """Add the rows."""
        for (shop, object_type, size, owner), entries in self._alike.items():
            # SQLite cuts nothing out of nothing: it would say NULL.
            if len(entries) < FEWEST or not size:
                for object_id, place in entries:
                    seq, leaf = divmod(place, 1 << LEAF_BITS)
                    rows.add(Kind.PATCH, shop, object_type, object_id, seq, leaf, owner)
                continue
            for some in _parts(entries):
                ids, places = zip(*some, strict=True)
                rows.add_pack(
                    *(len(some), Kind.PATCHES, shop, object_type, b"".join(ids), size, owner),
                    number_list(places),
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
