"""What one transaction writes: each object and each counter once, however often it changed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from minirelay.store.bulk_insert import Kind, Parameter, Rows
from minirelay.store.messages import MAX_NONCE, MAX_SEQ, ObjectRow, StoredSet
from minirelay.store.packs import IndexRows
from minirelay.store.pieces import ChangedObjects

SEQ_BITS = 40
_encode = msgspec.msgpack.Encoder().encode

ROW_BYTES = 64
"""What a row weighs beside its byte strings."""


def position(shop: int, seq: int) -> int:
    """Compute the key of a patch set: all sets of a shop are neighbours, in order."""
    return shop << SEQ_BITS | seq


def encode_nonce(nonce: int) -> bytes:
    """Write a key card's nonce so that it fits: SQLite's integers end at 2^63-1. Raises ValueError."""
    if not 0 <= nonce <= MAX_NONCE:
        raise ValueError(f"not a nonce: {nonce}")
    return nonce.to_bytes(8, "big")


class Batch:
    """The rows of one transaction, of all writes in it."""

    def __init__(self) -> None:
        """Start without a row. ends: of each shop with new sets, by row id: the number of its last one."""
        self.ends: dict[int, int] = {}
        self._rows = Rows()
        self._index = IndexRows()
        self._objects = ChangedObjects()
        self._nonces: dict[int, int] = {}
        self._put: dict[tuple[Kind, tuple[Parameter, ...]], tuple[Parameter, ...]] = {}

    def insert(self, kind: Kind, *values: Parameter) -> None:
        """Add a row that nothing else in the transaction writes; those before it come before it."""
        self._rows.add(kind, *values)

    def put(self, kind: Kind, key: tuple[Parameter, ...], *values: Parameter) -> None:
        """Write a row that may be written again: of the same kind and key, the last stands, in its place.

        All of these come behind what is inserted. key: the first of the values that the kind names.
        """
        self._put.pop((kind, key), None)
        self._put[kind, key] = values

    def set_nonces(self, nonces: Mapping[int, int]) -> None:
        """Write the last nonces of key cards, by row id; of several of one, the last stands.

        Each set of a client's has one, so these are not put one by one.
        """
        self._nonces.update(nonces)

    def append_set(self, shop: int, one: StoredSet) -> None:
        """Add the next set of a shop's log, with its patches. shop: row id."""
        self._rows.add(Kind.PATCH_SET, *set_row(shop, one))
        self._index.add(shop, one)
        self.ends[shop] = one.seq

    def change_object(self, shop: int, change: ObjectRow) -> None:
        """Write an object as it is now; of several changes to it, the last stands."""
        self._objects.add(shop, change)

    def rows(self) -> Rows:
        """List all rows. To be called once, in the end. Raises ValueError for what no row can hold."""
        self._index.add_to(self._rows)
        self._objects.add_to(self._rows)
        for card, nonce in self._nonces.items():
            self._rows.add(Kind.NONCE, card, encode_nonce(nonce))
        for (kind, key), values in self._put.items():
            self._rows.add(kind, *key, *values)
        return self._rows


class Writable(Protocol):
    """Something that puts rows into a transaction: all of them are stored, or none."""

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes, so that a transaction stays short."""

    @property
    def epoch(self) -> int | None:
        """Return `Writer.epoch` from before the state was read on which this was judged; None: on none."""

    def add_to(self, batch: Batch) -> None:
        """Put its rows in. Raises ValueError for what no row can hold."""


def batch_of(parts: Iterable[Writable]) -> Batch:
    """Collect the rows of one transaction. Raises ValueError for what no row can hold."""
    batch = Batch()
    for part in parts:
        part.add_to(batch)
    return batch


def rows_of(parts: Iterable[Writable]) -> Rows:
    """List the rows of one transaction. Raises ValueError for what no row can hold."""
    return batch_of(parts).rows()


def set_row(shop: int, one: StoredSet) -> tuple[Parameter, ...]:
    """Write a set's row of `patch_set`: its columns in their order. Raises ValueError."""
    if not 0 < one.seq <= MAX_SEQ:
        raise ValueError(f"not a sequence number: {one.seq}")
    types = 0
    for object_type in {leaf.object_type for leaf in one.leaves}:
        types |= 1 << object_type
    return (
        position(shop, one.seq),
        len(one.leaves),
        types,
        *one.counts.by_type,
        one.counts.size_bytes,
        _encode(one.leaves),
        one.wire,
        one.author,
    )


def index_rows(shop: int, one: StoredSet) -> Iterator[tuple[Parameter, ...]]:
    """List the rows of a set's patches in `patch_index`, as `packs.IndexRows` stores them."""
    for index, leaf in enumerate(one.leaves):
        yield shop, +leaf.object_type, leaf.object_id, one.seq, index, leaf.owner
