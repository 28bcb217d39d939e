"""The time of which something may be missing, before a restore or an import (spec 09, the end).

Chains are read again from where the backup or the export was. What is paid there in a block of that time, for
a request that nobody knows, was paid for an order that is gone: such payments are kept until they were asked
about.
"""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from datetime import UTC, datetime
from typing import Final

import msgspec

from minirelay.protocol.block_id import BlockId
from minirelay.protocol.ids import HASH_BYTES
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.chain_rows import chain_key
from minirelay.store.one_step import cut, joined, numbers, parse_numbers

_UNKNOWN: Final = f"""SELECT {numbers("log_index", "block_number")},
    {joined("transaction_hash || request || block_hash")}
    FROM (SELECT * FROM unknown_payment WHERE chain_id = ? ORDER BY transaction_hash, log_index)"""


class UnknownPayment(msgspec.Struct, frozen=True, gc=False):
    """A `PaymentMade` for a request that nobody knows. index: of the log in its block."""

    request_id: bytes
    block: BlockId
    transaction_hash: bytes
    index: int


class UnknownPaymentRows(msgspec.Struct, frozen=True):
    """Unknown payments of a chain that are to be asked about (found), or need not be any more (done)."""

    chain_id: int
    found: tuple[UnknownPayment, ...] = ()
    done: tuple[UnknownPayment, ...] = ()

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        return (len(self.found) + len(self.done)) * (3 * HASH_BYTES + ROW_BYTES)

    @property
    def epoch(self) -> None:
        """Return None: what a chain says holds whatever the state of a shop is."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put the rows in. Raises OverflowError for what no row can hold."""
        chain = chain_key(self.chain_id)
        for one in self.found:
            key = (chain, one.transaction_hash, one.index)
            batch.put(Kind.UNKNOWN_PAYMENT, key, one.request_id, one.block.number, one.block.hash)
        for one in self.done:
            batch.put(Kind.NO_UNKNOWN_PAYMENT, (chain, one.transaction_hash, one.index))


def note_missing(connection: sqlite3.Connection, since: int, until: int) -> None:
    """Note that something may be missing, in epoch seconds. In the caller's transaction, if there is one."""
    connection.execute("INSERT OR IGNORE INTO main.missing_time VALUES (?, ?)", (min(since, until), until))


def missing_until(connection: sqlite3.Connection) -> int:
    """Return until when something may be missing, in epoch seconds; 0 if nothing was restored or imported."""
    until: int = connection.execute("SELECT coalesce(max(until), 0) FROM missing_time").fetchone()[0]
    return until


def load_unknown(connection: sqlite3.Connection, chain_id: int) -> list[UnknownPayment]:
    """Read which payments of a chain are to be asked about."""
    indexes, blocks, hashes = connection.execute(_UNKNOWN, (chain_key(chain_id),)).fetchone()
    found = list(zip(parse_numbers(indexes), parse_numbers(blocks), strict=True))
    pieces = iter(cut(hashes, [HASH_BYTES] * (3 * len(found))))
    triples = zip(pieces, pieces, pieces, strict=True)
    return [
        UnknownPayment(request, BlockId(number, block_hash), transaction, index)
        for (index, number), (transaction, request, block_hash) in zip(found, triples, strict=True)
    ]


def describe_span(since: int, until: int) -> str:
    """Write a time of which something is missing for people. Epoch seconds."""
    first, last = (datetime.fromtimestamp(at, UTC) for at in (since, until))
    return f"what came from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC is missing"
