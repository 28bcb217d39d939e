"""The decimals of tokens, and alerts about them, in the database."""

import sqlite3

import pytest

from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.checkout_integrity import find_alert_damage
from minirelay.store.decimals_rows import DecimalsRows, decimals_key
from tests.store.examples import beginning

TOKEN = (1337, b"\x70" * 20)
NOW = 1_800_000_000


@pytest.fixture
def told(db: sqlite3.Connection) -> sqlite3.Connection:
    store_rows(db, rows_of(beginning()).statements())
    for decimals, before in ((2, None), (6, 2)):
        store_rows(db, rows_of([DecimalsRows(TOKEN, decimals, before, NOW)]).statements())
    return db


def test_the_last_are_remembered_and_a_change_is_an_alert(told: sqlite3.Connection) -> None:
    sql = "SELECT value FROM meta WHERE key = ?"
    assert told.execute(sql, (decimals_key(TOKEN),)).fetchone() == (b"\x06",)
    assert told.execute("SELECT kind, shop, chain_id, address, raised_at, told_of FROM alert").fetchall() == [
        (
            "decimals changed",
            None,
            (1337).to_bytes(8),
            TOKEN[1],
            NOW,
            f"decimals changed:1337:{'70' * 20}:2:6",
        )
    ]
    assert find_alert_damage(told) is None


@pytest.mark.parametrize(
    "change",
    [
        "shop = 1",
        "chain_id = zeroblob(8)",
        "chain_id = NULL",
        "address = zeroblob(20)",
        "address = NULL",
        "told_of = NULL",
        "request_ids = zeroblob(32)",
    ],
)
def test_an_alert_that_is_not_as_it_was_made_is_found(told: sqlite3.Connection, change: str) -> None:
    told.execute(f"UPDATE alert SET {change}")
    assert "alert 1 is told of something else" in (find_alert_damage(told) or "")
