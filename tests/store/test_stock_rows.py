"""Alerts about stock that is held for long, in the database."""

import sqlite3

import pytest

from minirelay.shop.state import inventory_key
from minirelay.shop.stock_watch import HeldStock
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.checkout_integrity import find_alert_damage
from minirelay.store.stock_rows import StockAlertRows
from tests.store.examples import beginning

NOW = 1_800_000_000
HELD = HeldStock(inventory_key(7, ["red"]), 10, 6, ((3, 4), (0, 2)))


@pytest.fixture
def told(db: sqlite3.Connection) -> sqlite3.Connection:
    store_rows(db, rows_of(beginning()).statements())
    store_rows(db, rows_of([StockAlertRows(1, (HELD,), NOW)]).statements())
    return db


def test_an_alert_names_the_record_the_day_and_the_holders(told: sqlite3.Connection) -> None:
    columns = "kind, shop, chain_id, address, request_ids, raised_at, amount, count, told_of"
    assert told.execute(f"SELECT {columns} FROM alert").fetchall() == [
        (
            "stock held",
            1,
            None,
            None,
            b"",
            NOW,
            (6).to_bytes(32),
            1,
            f"stock held:1:{HELD.key.hex()}:{NOW // 86_400}:3=4,0=2",
        )
    ]
    assert find_alert_damage(told) is None


def test_the_same_of_one_day_is_one_row(told: sqlite3.Connection) -> None:
    for at in (NOW + 1, NOW + 86_400):
        store_rows(told, rows_of([StockAlertRows(1, (HELD,), at)]).statements())
    assert told.execute("SELECT count FROM alert ORDER BY id").fetchall() == [(2,), (1,)]
    assert find_alert_damage(told) is None


@pytest.mark.parametrize(
    "change", ["told_of = 'stock held:2:'", "told_of = NULL", "shop = NULL", "request_ids = zeroblob(32)"]
)
def test_an_alert_that_is_not_as_it_was_made_is_found(told: sqlite3.Connection, change: str) -> None:
    told.execute(f"UPDATE alert SET {change}")
    assert "alert 1 is told of something else" in (find_alert_damage(told) or "")


def test_a_long_key_is_cut(db: sqlite3.Connection) -> None:
    long = HeldStock(inventory_key(7, ["x" * 100_000]), 10, 6, ())
    (written,) = [StockAlertRows(1, (long,), NOW)]
    store_rows(db, rows_of(beginning()).statements())
    store_rows(db, rows_of([written]).statements())
    (length,) = db.execute("SELECT length(told_of) FROM alert").fetchone()
    assert length < written.weight
