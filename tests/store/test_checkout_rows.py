import sqlite3
from collections.abc import Sequence
from hashlib import sha256

import pytest
from msgspec.structs import replace

from minirelay.errors import StoreError
from minirelay.protocol.objects import ObjectType
from minirelay.shop.checkout import AlertKind, CheckoutAlert, CheckoutOutcome
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.payment_details import ListingSnapshot
from minirelay.shop.reservations import Hold, Reservation
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.checkout_rows import CheckoutRows
from minirelay.store.database import Store
from minirelay.store.writes import Commit
from tests.shop.checkouts import (
    CLERK,
    COMMITTED,
    HOUR,
    NOW,
    add_order,
    address,
    buy,
    cancel,
    choose,
    item,
    move,
)
from tests.shop.issued import issued
from tests.shop.patching import PAYEE, number
from tests.store.checkouts import SHOP, stored_shop
from tests.store.examples import GUEST, ShopLog, beginning

TABLES = ("reservation", "payment_request", "block", "alert")
NOTHING = RecordChanges({}, {}, {}, frozenset(), ())


def outcome(
    *requests: IssuedRequest,
    new: Sequence[IssuedRequest] = (),
    snapshots: Sequence[ListingSnapshot] = (),
    alerts: Sequence[CheckoutAlert] = (),
    **records: object,
) -> CheckoutOutcome:
    """What a write caused. new: requests that it issued; the others it changed."""
    changed = {one.id: one for one in (*requests, *new)}
    changes = replace(NOTHING, requests=changed, issued=frozenset(one.id for one in new), **records)
    return CheckoutOutcome((), changes, tuple(snapshots), tuple(alerts))


def put(db: sqlite3.Connection, *outcomes: CheckoutOutcome) -> None:
    """Store outcomes in one transaction."""
    rows = [row for one in outcomes for row in CheckoutRows.of(1, one, NOW)]
    store_rows(db, rows_of(rows).statements())


@pytest.fixture
def shop_db(db: sqlite3.Connection) -> sqlite3.Connection:
    store_rows(db, rows_of(beginning()).statements())
    return db


def table(db: sqlite3.Connection, name: str) -> list[tuple[object, ...]]:
    return db.execute(f"SELECT * FROM {name}").fetchall()


def test_a_write_that_changed_nothing_of_checkout_stores_nothing() -> None:
    assert CheckoutRows.of(1, outcome(), NOW) == ()
    shop = stored_shop()
    assert shop.write(GUEST, add_order(5, item(1))).further == ()
    assert shop.write(GUEST, move(5, COMMITTED)).further != ()


def test_rows_hold_what_the_spec_allows_at_most(shop_db: sqlite3.Connection) -> None:
    most = replace(
        issued(1),
        request=replace(issued(1).request, chain_id=2**64 - 1, amount=2**256 - 1, ttl=2**63 - 1),
        pricing=(2**64 - 1, b"\xff" * 20),
        price=2**256 - 1,
        region="a\0\N{SNOWMAN},b",
        listing_hashes=tuple(bytes([n]) * 32 for n in range(200)),
        issued_at_block=2**63 - 1,
    )
    alert = CheckoutAlert(AlertKind.WITHDRAWN_PAYEE, (2**64 - 1, PAYEE), (most.id, bytes(32)))
    put(shop_db, outcome(new=[most], alerts=[alert]))
    ((row, *columns),) = table(shop_db, "payment_request")
    assert row == 1
    assert columns == [
        1,
        most.id,
        number(5),
        most.card,
        b"\xff" * 8,
        2**63 - 1,
        most.request.currency,
        b"\xff" * 32,
        PAYEE,
        b"\xff" * 8,
        b"\xff" * 20,
        b"\xff" * 32,
        "a\0\N{SNOWMAN},b",
        b"".join(most.listing_hashes),
        NOW,
        2**63 - 1,
        "waiting",
        0,
        bytes(32),
        1,
    ]
    assert table(shop_db, "alert") == [
        (1, "withdrawn payee", 1, b"\xff" * 8, PAYEE, most.id + bytes(32), NOW, 0, bytes(32), 1, *[None] * 4)
    ]


def test_the_last_change_in_a_transaction_stands(shop_db: sqlite3.Connection) -> None:
    row = Reservation(GUEST, ((b"key", 2),), NOW)
    last = replace(row, units=((b"key", 2**40), (b"other", 1)), is_chosen=True, hold=Hold.SHORT)
    order, other = number(5), number(6)
    put(
        shop_db,
        outcome(reservations={order: row, other: None}, new=[issued(1), issued(2, 6)]),
        outcome(replace(issued(1), state=RequestState.SHORT), reservations={order: None}),
        outcome(replace(issued(1), state=RequestState.WITHDRAWN, is_dead=True), reservations={order: last}),
        outcome(reservations={other: row}),
        outcome(closed=(other,)),
    )
    units = b"\x92\x92\xc4\x03key\xcf\x00\x00\x01\x00\x00\x00\x00\x00\x92\xc4\x05other\x01"
    assert table(shop_db, "reservation") == [(1, order, GUEST, units, NOW, 1, 1, 0)]
    states = shop_db.execute("SELECT id, state, is_dead FROM payment_request ORDER BY row").fetchall()
    assert states == [(issued(1).id, "withdrawn", 1), (issued(2).id, "waiting", 0)]


def test_requests_lie_in_the_order_of_issue_whatever_their_ids(shop_db: sqlite3.Connection) -> None:
    for name in (9, 3, 7):
        put(shop_db, outcome(new=[issued(name), issued(name + 10)]))
    ids = [one for (one,) in shop_db.execute("SELECT id FROM payment_request ORDER BY row")]
    assert ids == [issued(name).id for name in (9, 19, 3, 13, 7, 17)]


def test_a_closed_order_loses_a_reservation_that_memory_has_forgotten(shop_db: sqlite3.Connection) -> None:
    shop = stored_shop()
    store_rows(shop_db, rows_of([shop.write(GUEST, *buy(5, item(1)))]).statements())
    assert len(table(shop_db, "reservation")) == 1
    shop.shop.now += 2 * HOUR
    assert shop.shop.records.clear(shop.shop.now) == (number(5),)
    store_rows(shop_db, rows_of([shop.write(GUEST, *cancel(5))]).statements())
    assert table(shop_db, "reservation") == []


def test_a_listing_as_it_was_sold_is_kept_once(shop_db: sqlite3.Connection) -> None:
    one = ListingSnapshot(sha256(b"listing").digest(), b"listing")
    put(shop_db, outcome(new=[issued(1)], snapshots=[one]), outcome(new=[issued(2)], snapshots=[one]))
    put(shop_db, outcome(new=[issued(3)], snapshots=[one]))
    assert table(shop_db, "block") == [(1, one.hash, b"listing", 0)]


def test_a_request_that_is_not_stored_cannot_be_changed(shop_db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="no such payment request"):
        put(shop_db, outcome(issued(1)))


def test_a_payment_id_is_issued_once(shop_db: sqlite3.Connection) -> None:
    put(shop_db, outcome(new=[issued(1)]))
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        put(shop_db, outcome(new=[issued(2), issued(1)], reservations={number(5): Reservation(1, (), 1)}))
    assert len(table(shop_db, "payment_request")) == 1
    assert table(shop_db, "reservation") == []


async def test_a_failed_commit_leaves_nothing_of_it(store: Store) -> None:
    shop, log = stored_shop(), ShopLog()
    rows = shop.write(GUEST, *buy(5, item(1))).further
    bad = Commit(epoch=0, shop=SHOP.row_id, relay_nonce=3, further=rows, unlinked=(99,))
    futures = [store.writer.commit(log.add()), store.writer.commit(bad)]
    for future in futures:
        with pytest.raises(StoreError):
            await future
    loaded = await shop.load(store)
    assert (dict(loaded.reservations.rows()), loaded.requests.of_order(number(5))) == ({}, ())
    stored = await store.writer.connection.run(lambda db: [table(db, name) for name in TABLES])
    assert stored == [[]] * 4


def test_the_weight_is_about_what_the_rows_hold() -> None:
    shop = stored_shop(listings=60)
    items = [item(one) for one in range(1, 61)]
    (rows,) = (one for one in shop.write(GUEST, *buy(5, *items)).further)
    held = rows_of([rows]).size_bytes
    assert held // 2 <= rows.weight <= 4 * held


def test_what_many_write_together_is_one_statement() -> None:
    shop = stored_shop()
    commits = [shop.write(GUEST, *buy(order, item(1), item(2))) for order in range(1, 60)]
    commits.append(shop.write(GUEST, *cancel(5)))
    rows = rows_of(commits)
    # Of each a reservation and a request; of all two listings, one reservation that is none any more, the
    # order that was canceled, and the second that all of it was judged at.
    assert len(rows) == 2 * 59 + 2 + 1 + 1 + 1
    assert len(rows.statements()) == 1


def test_an_order_of_as_much_as_it_may_hold_takes_no_more_than_that_again(
    shop_db: sqlite3.Connection,
) -> None:
    count = 2700
    shop = stored_shop(listings=count)
    lines = [item(one) for one in range(1, count + 1)]
    (commit,) = shop.write(CLERK, add_order(5, *lines), move(5, COMMITTED)).further
    size = len(shop.shop.state.get(ObjectType.ORDER, number(5)) or b"")
    assert 60_000 < size <= 64 * 1024
    assert rows_of([commit]).size_bytes < size
    (choice,) = shop.write(CLERK, address(5), *choose(5)).further
    numbers = 2 * 8
    blocks = sum(len(one.hash) + len(one.data) + numbers for one in shop.written[-1].snapshots)
    reservation_and_request = rows_of([choice]).size_bytes - blocks
    assert reservation_and_request < size + 32 * count + 1024
    store_rows(shop_db, rows_of([commit, choice]).statements())
    assert len(table(shop_db, "block")) == count
