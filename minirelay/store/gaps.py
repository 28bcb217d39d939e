"""The gaps that restores leave in the logs (spec 09, "Backup and restore")."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from minirelay.protocol.gaps import number_after_restore
from minirelay.store.connection import rolled_back_on_error, unavailable
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import MAX_SEQ, NEW_SHOPS, Gap
from minirelay.store.one_step import numbers, parse_numbers

EDGE: Final = """edge (base, start) AS (
    SELECT coalesce(max(after), :after), coalesce(max(next) - 1, :after) FROM gap
    WHERE shop = :shop AND after <= :after AND next > :after)"""
"""What comes after the set :after of a log has numbers above `start`; `base` is the last set up to there.

The two are :after itself, unless a gap begins there, or it lies in one.
"""

_ENDS = """SELECT id, shop_id, coalesce((SELECT max(position) & 0xffffffffff FROM patch_set
        WHERE position > id << 40 AND position < id + 1 << 40), 0),
    coalesce((SELECT max(next) FROM gap WHERE gap.shop = shop.id), 0) FROM shop"""
_ADD = """INSERT INTO gap (shop, after, next) VALUES (?, ?, ?)
    ON CONFLICT (shop, after) DO UPDATE SET next = excluded.next"""


class _Restored(NamedTuple):
    """A log that goes on behind a gap. shop: row id. end: its last number. known: the greatest ever given."""

    shop: int
    end: int
    known: int


def read_gaps(connection: sqlite3.Connection, shop: int) -> tuple[Gap, ...]:
    """List the gaps of a shop's log in their order; NEW_SHOPS: the one with which new shops begin."""
    sql = f"SELECT {numbers('after', 'next')} FROM (SELECT * FROM gap WHERE shop = ? ORDER BY after)"  # noqa: S608
    return tuple(map(Gap, *map(parse_numbers, connection.execute(sql, (shop,)).fetchone())))


def gap_around(seq: int, gaps: Iterable[Gap]) -> Gap | None:
    """Find the gap in which a number lies that is not in the log."""
    return next((gap for gap in gaps if gap.after < seq < gap.next), None)


def count_sets(seq: int, gaps: Iterable[Gap]) -> int:
    """Count the sets of a log up to and including one."""
    return seq - sum(gap.next - 1 - gap.after for gap in gaps if gap.next <= seq)


def treat_as_restored(
    connection: sqlite3.Connection,
    restored_at: int,
    *,
    shops: Collection[int] | None = None,
    told: Mapping[int, int] | None = None,
    beyond: int = 0,
) -> None:
    """Let the logs go on behind a gap: with numbers, and nonces of the relay's, that were told to no client.

    To be called when the database may lack what clients have, before anything is written to it. restored_at:
    unix seconds. shops: row ids; None: all, and all that will come into being. told: by shop id, the greatest
    number that a client may have been told, where that is known. beyond: what may have been told in any shop.
    All or nothing, on disk when it returns. Raises StoreUnavailable.
    """
    try:
        with rolled_back_on_error(connection):
            connection.execute("BEGIN IMMEDIATE")
            leave_gaps(connection, restored_at, shops=shops, told=told, beyond=beyond)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise unavailable("mark the shops as restored", error) from error


def leave_gaps(
    connection: sqlite3.Connection,
    restored_at: int,
    *,
    shops: Collection[int] | None = None,
    told: Mapping[int, int] | None = None,
    beyond: int = 0,
) -> None:
    """Do what `treat_as_restored` does, in the transaction that is open. Raises sqlite3.Error, too."""
    for one in _restored(connection, shops, told or {}):
        number = number_after_restore(max(one.known, beyond), restored_at)
        if number > MAX_SEQ:
            raise StoreUnavailable(f"the clock is wrong: no number is left for its year ({number})")
        connection.execute(_ADD, (one.shop, one.end, number))
        connection.execute(
            "UPDATE shop SET relay_nonce = max(relay_nonce, ?) WHERE id = ?", (number - 1, one.shop)
        )


def _restored(
    connection: sqlite3.Connection, shops: Collection[int] | None, told: Mapping[int, int]
) -> Iterator[_Restored]:
    missing = dict(told)
    for shop, shop_id, end, last_gap in connection.execute(_ENDS).fetchall():
        told_here = missing.pop(int.from_bytes(shop_id), 0)
        if shops is None or shop in shops:
            yield _Restored(shop, end, max(end, last_gap, told_here))
    if shops is None:
        given = [gap.next for gap in read_gaps(connection, NEW_SHOPS)]
        yield _Restored(NEW_SHOPS, 0, max([0, *given, *missing.values()]))
