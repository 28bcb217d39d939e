"""How much there is of everything, for metrics and the operator's page."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Mapping
from typing import Final

import msgspec

from minirelay.store.messages import MAX_SEQ
from minirelay.store.webhook_events import load_backlog

_SHOPS: Final = "SELECT count(*) FROM shop"
# A set's position is its shop's row id << 40 | its sequence number.
_LONGEST: Final = f"""SELECT shop_id, coalesce((SELECT max(position) FROM patch_set
        WHERE position BETWEEN shop.id << 40 AND shop.id << 40 | {MAX_SEQ}), 0) & {MAX_SEQ} AS last
    FROM shop ORDER BY last DESC, id LIMIT ?"""
_CARDS: Final = "SELECT is_guest, count(*) FROM key_card GROUP BY is_guest"
_BLOBS: Final = "SELECT count(*), coalesce(sum(size), 0) FROM blob WHERE hash IS NOT NULL"
_PAYMENTS: Final = "SELECT state, count(*) FROM payment_request GROUP BY state"
_ALERTS: Final = """SELECT kind, is_urgent, count(*) FROM alert WHERE acknowledged_at IS NULL
    GROUP BY kind, is_urgent"""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What the database holds. longest: the last sequence number of the shops with most sets, by id.

    payments: by state. alerts: that nobody has seen to, by kind and whether they are urgent.
    webhook_events: that the webhook has not taken.
    """

    shops: int
    longest: Mapping[int, int]
    clerk_cards: int
    guest_cards: int
    blobs: int
    blob_bytes: int
    payments: Mapping[str, int]
    alerts: Mapping[tuple[str, bool], int]
    webhook_events: int


def count_totals(connection: sqlite3.Connection, most_shops: int) -> Totals:
    """Count everything. most_shops: that are named."""
    execute = connection.execute
    cards = dict(execute(_CARDS).fetchall())
    blobs, blob_bytes = execute(_BLOBS).fetchone()
    return Totals(
        shops=execute(_SHOPS).fetchone()[0],
        longest={int.from_bytes(shop): last for shop, last in execute(_LONGEST, (most_shops,)).fetchall()},
        clerk_cards=cards.get(0, 0),
        guest_cards=cards.get(1, 0),
        blobs=blobs,
        blob_bytes=blob_bytes,
        payments=dict(execute(_PAYMENTS).fetchall()),
        alerts={(kind, bool(urgent)): count for kind, urgent, count in execute(_ALERTS).fetchall()},
        webhook_events=load_backlog(connection).count,
    )
