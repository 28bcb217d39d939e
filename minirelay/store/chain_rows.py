"""How far a chain is read, as rows of the transaction that holds what was found there (spec 07 "Heads")."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from typing import Final

import msgspec

from minirelay.protocol.ids import HASH_BYTES
from minirelay.store.batch import ROW_BYTES, Batch, Writable
from minirelay.store.bulk_insert import Kind
from minirelay.store.checkout_rows import CHAIN_ID_BYTES, SECOND_BYTES
from minirelay.store.connection import snapshot
from minirelay.store.messages import ChainHeadRow, ChainMark, ChainProgress
from minirelay.store.one_step import cut, joined, numbers, parse_numbers

_HEAD_BYTES: Final = 2 * HASH_BYTES + ROW_BYTES

LOOKED_AT: Final = "payments_looked_at_"
"""What the keys of these notes begin with."""

_MARK: Final = "SELECT scanned, deep, final, final_time FROM chain_mark WHERE chain_id = ?"
_HEADS: Final = f"""SELECT {numbers("number", "timestamp")}, {joined("hash")}, {joined("parent")}
    FROM (SELECT * FROM chain_head WHERE chain_id = ? ORDER BY number)"""


class ChainRows(msgspec.Struct, frozen=True):
    """What one poll changed of a chain, and what was made of its findings: all of it is stored, or nothing.

    forgotten: numbers of heads that are to go. heads: those that come then, also in the place of one.
    """

    chain_id: int
    mark: ChainMark
    heads: tuple[ChainHeadRow, ...] = ()
    forgotten: tuple[int, ...] = ()
    further: tuple[Writable, ...] = ()

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        own = (len(self.heads) + len(self.forgotten) + 1) * _HEAD_BYTES
        return own + sum([part.weight for part in self.further])

    @property
    def epoch(self) -> None:
        """Return None: what a chain says holds whatever the state of a shop is."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put the rows in. Raises ValueError or OverflowError for what no row can hold."""
        chain = chain_key(self.chain_id)
        for number in self.forgotten:
            batch.put(Kind.NO_CHAIN_HEAD, (chain, number))
        for head in self.heads:
            batch.put(Kind.CHAIN_HEAD, (chain, head.number), head.hash, head.parent, head.timestamp)
        mark = self.mark
        batch.put(Kind.CHAIN_MARK, (chain,), mark.scanned, mark.deep, mark.final, mark.final_time)
        for part in self.further:
            part.add_to(batch)


def looked_at_key(chain_id: int, shop: int | None = None) -> str:
    """Name the note in `meta` of when the payments of a chain were last looked at as a whole.

    shop: row id of one that was looked at by another relay until it was imported.
    """
    return f"{LOOKED_AT}{chain_id}" if shop is None else f"{LOOKED_AT}{chain_id}/{shop}"


def imported_looked_at(note: bytes | None, of_all: bytes) -> int | None:
    """Return when the payments of an imported shop were last looked at, by another relay; epoch seconds.

    note: what the import has noted of it. of_all: the note about all shops. None: all were looked at since.
    """
    if note is None or note[SECOND_BYTES:] != of_all:
        return None
    return int.from_bytes(note[:SECOND_BYTES])


def chain_key(chain_id: int) -> bytes:
    """Write a chain's id as the tables hold it. Raises OverflowError beyond 64 bits."""
    return chain_id.to_bytes(CHAIN_ID_BYTES, "big")


def load_progress(connection: sqlite3.Connection, chain_id: int) -> ChainProgress | None:
    """Return how far a chain was read; None if it never was. Raises StoreUnavailable."""
    chain = chain_key(chain_id)
    with snapshot(connection):
        marks = connection.execute(_MARK, (chain,)).fetchone()
        found = connection.execute(_HEADS, (chain,)).fetchone()
    if marks is None:
        return None
    block_numbers, timestamps = parse_numbers(found[0]), parse_numbers(found[1])
    lengths = [HASH_BYTES] * len(block_numbers)
    hashes, parents = cut(found[2], lengths), cut(found[3], lengths)
    heads = map(ChainHeadRow, block_numbers, hashes, parents, timestamps)
    return ChainProgress(ChainMark(*marks), tuple(heads))
