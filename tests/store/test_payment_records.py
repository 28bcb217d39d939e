import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.errors import StoreUnavailable
from minirelay.store.payment_records import (
    RESTING,
    UNPROVEN_LATER_S,
    Rests,
    WatchedRequest,
    count_watched,
    find_requests,
    find_watched,
    load_resting,
    load_resting_prefixes,
    load_transfers,
    load_watched,
)
from minirelay.store.payment_rows import PaymentRows, TransferKind
from tests.shop.issued import CHAIN, NOW, issued
from tests.store.examples import beginning, shop_row
from tests.store.test_checkout_rows import outcome, put
from tests.store.test_payment_rows import EVENT

ALL = Rests(CHAIN)


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
    assert load_watched(shop_db, ALL) == [WatchedRequest(1, one.without_listings()) for one in rows]
    assert all(one.listing_hashes for one in rows)


def test_nothing_watched_is_nothing_read(shop_db: sqlite3.Connection) -> None:
    assert load_watched(shop_db, ALL) == []


def test_only_what_is_watched_is_looked_at(shop_db: sqlite3.Connection) -> None:
    plan = shop_db.execute(
        "EXPLAIN QUERY PLAN SELECT row, shop FROM payment_request WHERE is_watched = 1 "
        "AND (shop, row) > (0, 0) ORDER BY shop, row LIMIT 3"
    ).fetchall()
    assert "payment_request_watched" in plan[0][3]
    assert not any("TEMP B-TREE" in step[3] for step in plan)


def ids(found: list[WatchedRequest]) -> list[bytes]:
    return [one.issued.id for one in found]


@pytest.mark.parametrize("state", list(RequestState))
def test_what_settles_nothing_rests_when_its_time_is_over(
    shop_db: sqlite3.Connection, state: RequestState
) -> None:
    one = of_shop(1)
    put(shop_db, outcome(new=[one]))
    put(shop_db, outcome(replace(one, state=state)))
    later = UNPROVEN_LATER_S if state is RequestState.UNPROVEN else 0
    for before, rests in ((one.request.ttl + later, False), (one.request.ttl + later + 1, state in RESTING)):
        wanted = Rests(CHAIN, before)
        assert ids(load_resting(shop_db, wanted, (0, 0), 9)[0]) == [one.id] * rests
        assert ids(load_watched(shop_db, wanted)) == [one.id] * (not rests)
        assert load_resting_prefixes(shop_db, wanted) == one.id[:8] * rests


def test_what_rests_is_read_page_by_page_and_found_by_its_id(shop_db: sqlite3.Connection) -> None:
    rows = [of_shop(number) for number in range(1, 6)]
    put(shop_db, outcome(new=rows))
    put(shop_db, outcome(*[replace(row, state=RequestState.EXPIRED) for row in rows[:4]]))
    put(shop_db, outcome(replace(rows[2], is_watched=False)))
    wanted = Rests(CHAIN, max(row.request.ttl for row in rows) + 1)
    first, after = load_resting(shop_db, wanted, (0, 0), 2)
    second, end = load_resting(shop_db, wanted, after, 2)
    assert ids(first) + ids(second) == [rows[0].id, rows[1].id, rows[3].id]
    assert (after, end) == ((1, 2), (0, 0))
    assert len(load_resting_prefixes(shop_db, wanted)) == 3 * 8
    assert ids(find_watched(shop_db, [rows[2].id, rows[4].id, rows[0].id, b"\x09" * 32])) == [
        rows[0].id,
        rows[4].id,
    ]
    assert count_watched(shop_db) == {CHAIN: 4}
    other = Rests(CHAIN + 1, wanted.before)
    assert load_resting(shop_db, other, (0, 0), 2) == ([], (0, 0))
    assert load_watched(shop_db, other) == []


def test_a_request_of_no_shop_is_said(shop_db: sqlite3.Connection) -> None:
    put(shop_db, outcome(new=[of_shop(1)]))
    shop_db.execute("PRAGMA foreign_keys = OFF")
    shop_db.execute("UPDATE payment_request SET shop = 99")
    with pytest.raises(StoreUnavailable, match="shop 99"):
        load_watched(shop_db, ALL)


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
