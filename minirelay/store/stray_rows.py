"""At whose payment addresses was searched for money that they do not ask for (spec 06, "stray")."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from minirelay.shop.issued_requests import RequestState
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.checkout_rows import CHAIN_ID_BYTES
from minirelay.store.connection import snapshot
from minirelay.store.payment_records import WatchedRequest, load_of_rows
from minirelay.store.payment_rows import PaymentRows

_ROW_BYTES: Final = 48
_PAID: Final = ("paid", "over", "reverted", "duplicate")
_TIME_IS_OVER: Final = ("expired", "late", "superseded", "withdrawn", "unproven")
_CLOSED: Final = ", ".join(repr(RequestState(one).value) for one in (*_PAID, *_TIME_IS_OVER))
_UNSEARCHED: Final = f"""SELECT one.shop, one.row FROM payment_request AS one
    WHERE state IN ({_CLOSED}) AND issued_at >= :since
    AND (ttl < :now OR state IN ({", ".join(map(repr, _PAID))}))
    AND NOT EXISTS (SELECT 1 FROM stray_search WHERE request = one.id AND chain_id = :chain)
    ORDER BY one.row DESC LIMIT :most"""
_UNREAD: Final = "SELECT chain_id FROM stray_search WHERE request = ? AND is_read = 0 ORDER BY chain_id"


class StraySearched(msgspec.Struct, frozen=True):
    """An address was searched on a chain. is_read: all was answered that was asked; else it was given up."""

    request_id: bytes
    chain_id: int
    is_read: bool


class StraySearchRows(msgspec.Struct, frozen=True):
    """What searches have found, and which of them are over: one transaction."""

    searched: tuple[StraySearched, ...]
    found: tuple[PaymentRows, ...] = ()

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        return len(self.searched) * (_ROW_BYTES + ROW_BYTES) + sum([one.weight for one in self.found])

    @property
    def epoch(self) -> None:
        """Return None: they hold whatever the state of a shop is."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put the rows in. Raises ValueError or OverflowError for what no row can hold."""
        for one in self.found:
            one.add_to(batch)
        for searched in self.searched:
            key = searched.request_id, searched.chain_id.to_bytes(CHAIN_ID_BYTES)
            batch.put(Kind.STRAY_SEARCH, key, searched.is_read)


def load_unsearched(
    connection: sqlite3.Connection, chain_id: int, *, now: int, since: int, most: int
) -> list[WatchedRequest]:
    """Read requests at whose addresses is to be searched on a chain, whichever chain they are of.

    They are paid, or their time is over, and nobody has searched there yet; the newest `most` of them. now,
    since: epoch seconds; only what was issued from then on.
    """
    given = {"chain": chain_id.to_bytes(CHAIN_ID_BYTES), "now": now, "since": since, "most": most}
    with snapshot(connection):
        found = connection.execute(_UNSEARCHED, given).fetchall()
        return list(load_of_rows(connection, sorted(found)))


def list_unread(connection: sqlite3.Connection, ids: Iterable[bytes]) -> dict[bytes, list[int]]:
    """List of requests, by PaymentID, the chains on which it is not known what lies at their addresses."""
    found = {one: connection.execute(_UNREAD, (one,)).fetchall() for one in ids}
    return {one: [int.from_bytes(chain) for (chain,) in rows] for one, rows in found.items() if rows}
