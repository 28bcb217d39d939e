import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.errors import StoreUnavailable
from minirelay.store.payment_records import WatchedRequest, find_requests, load_transfers, load_watched
from minirelay.store.payment_rows import PaymentRows, TransferKind
from tests.shop.issued import NOW, issued
from tests.store.examples import beginning, shop_row
from tests.store.test_checkout_rows import outcome, put
from tests.store.test_payment_rows import EVENT


@pytest.fixture
def shop_db(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """A database with a shop, read in small steps."""
    store_rows(db, rows_of(beginning()).statements())
    monkeypatch.setattr("minirelay.store.payment_records.STEP_OBJECTS", 3)
    monkeypatch.setattr("minirelay.store.payment_records.STEP_REQUESTS", 2)
    return db


def of_shop(number: int) -> IssuedRequest:
    request = replace(issued(number).request, shop_id=shop_row().shop_id)
    return replace(issued(number), request=request)


def test_what_is_watched_comes_back_as_it_was_left(shop_db: sqlite3.Connection) -> None:
    rows = [of_shop(number) for number in range(1, 9)]
    put(shop_db, outcome(new=rows))
    changed = replace(rows[2], state=RequestState.LATE, received=2**256 - 1, is_dead=True)
    put(shop_db, outcome(changed, replace(rows[5], is_watched=False)))
    rows[2] = changed
    del rows[5]
    assert load_watched(shop_db) == [WatchedRequest(1, one.without_listings()) for one in rows]
    assert all(one.listing_hashes for one in rows)


def test_nothing_watched_is_nothing_read(shop_db: sqlite3.Connection) -> None:
    assert load_watched(shop_db) == []


def test_only_what_is_watched_is_looked_at(shop_db: sqlite3.Connection) -> None:
    plan = shop_db.execute(
        "EXPLAIN QUERY PLAN SELECT row, shop FROM payment_request WHERE is_watched = 1 "
        "AND (shop, row) > (0, 0) ORDER BY shop, row LIMIT 3"
    ).fetchall()
    assert "payment_request_watched" in plan[0][3]
    assert not any("TEMP B-TREE" in step[3] for step in plan)


def test_a_request_of_no_shop_is_said(shop_db: sqlite3.Connection) -> None:
    put(shop_db, outcome(new=[of_shop(1)]))
    shop_db.execute("PRAGMA foreign_keys = OFF")
    shop_db.execute("UPDATE payment_request SET shop = 99")
    with pytest.raises(StoreUnavailable, match="shop 99"):
        load_watched(shop_db)


def test_what_was_observed_comes_back(shop_db: sqlite3.Connection) -> None:
    put(shop_db, outcome(new=[of_shop(number) for number in range(1, 7)]))
    transfers = [
        replace(
            EVENT,
            request_id=issued(number).id,
            kind=kind,
            transaction_hash=b"" if kind is TransferKind.BALANCE else bytes([number]) * 32,
            amount=number,
            is_deep=number % 2 == 0,
        )
        for number, kind in enumerate([*TransferKind, TransferKind.EVENT], 1)
    ]
    rows = PaymentRows.of(1, transfers, [], [], NOW)
    store_rows(shop_db, rows_of(rows).statements())
    wanted = [issued(number).id for number in range(1, 7)]
    assert load_transfers(shop_db, wanted) == transfers
    assert load_transfers(shop_db, wanted[3:4]) == transfers[3:4]
    assert load_transfers(shop_db, []) == []


def test_requests_are_found_by_how_their_ids_begin(shop_db: sqlite3.Connection) -> None:
    rows = sorted([of_shop(number) for number in range(1, 9)], key=lambda one: one.id)
    put(shop_db, outcome(new=rows))
    assert find_requests(shop_db, rows[3].id, rows[3].id) == [WatchedRequest(1, rows[3])]
    assert find_requests(shop_db, bytes(32), b"\xff" * 32) == [WatchedRequest(1, one) for one in rows[:2]]
    assert find_requests(shop_db, bytes(32), bytes(32)) == []
