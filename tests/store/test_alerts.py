"""What a person has to see to: listed in the order in which it matters, acknowledged, and back with more."""

import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.shop.checkout import AlertKind, CheckoutAlert
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_others, about_request
from minirelay.store.alerts import (
    MOST_REQUESTS,
    AlertAcknowledgement,
    ToldAlert,
    find_alert,
    load_alerts,
    load_told,
)
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.decimals_rows import DecimalsRows
from minirelay.store.payment_rows import PaymentRows
from tests.shop.issued import CHAIN, NOW, issued
from tests.shop.patching import PAYEE, TOKEN
from tests.store.examples import beginning, shop_row
from tests.store.test_checkout_rows import outcome, put


@pytest.fixture
def shop_db(db: sqlite3.Connection) -> sqlite3.Connection:
    store_rows(db, rows_of(beginning()).statements())
    put(db, outcome(new=[issued(1), issued(2)]))
    return db


def late(name: int, *, amount: int = 5, is_urgent: bool = False, is_new: bool = True) -> PaymentAlert:
    request_id, kind = issued(name).id, PaymentAlertKind.LATE
    return PaymentAlert(
        kind=kind,
        place=(CHAIN, TOKEN),
        request_id=request_id,
        amount=amount,
        told_of=about_request(kind, request_id),
        is_urgent=is_urgent,
        is_new=is_new,
    )


def tell(db: sqlite3.Connection, alert: PaymentAlert, at: int = NOW) -> None:
    store_rows(db, rows_of(PaymentRows.of(1, [], [], [alert], at)).statements())


def end(db: sqlite3.Connection, alert: PaymentAlert, at: int = NOW) -> None:
    store_rows(db, rows_of(PaymentRows.of(1, [], [], [], at, [alert.told_of])).statements())


def acknowledge(db: sqlite3.Connection, alert_id: int, at: int = NOW) -> None:
    store_rows(db, rows_of([AlertAcknowledgement(alert_id, at)]).statements())


def listed(db: sqlite3.Connection, *, with_acknowledged: bool = False) -> list[int]:
    return [one.id for one in load_alerts(db, with_acknowledged=with_acknowledged).alerts]


def test_an_alert_is_read_as_it_was_raised(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1, is_urgent=True))
    alert = find_alert(shop_db, 1)
    assert alert is not None
    assert load_alerts(shop_db, with_acknowledged=False).alerts == (alert,)
    assert (alert.id, alert.kind, alert.shop_id) == (1, "late", shop_row().shop_id)
    assert (alert.chain_id, alert.address) == (CHAIN, TOKEN)
    assert (alert.request_ids, alert.request_count, alert.amount) == ((issued(1).id,), 1, 5)
    assert (alert.count, alert.is_urgent, alert.raised_at, alert.acknowledged_at) == (1, True, NOW, None)
    assert find_alert(shop_db, 2) is None


def test_of_very_many_requests_the_first_are_named(shop_db: sqlite3.Connection) -> None:
    ids = tuple([number.to_bytes(32) for number in range(1, 5000)])
    put(shop_db, outcome(alerts=[CheckoutAlert(AlertKind.WITHDRAWN_PAYEE, (CHAIN, PAYEE), ids)]))
    alert = find_alert(shop_db, 1)
    assert alert is not None
    assert (alert.request_ids, alert.request_count) == (ids[:MOST_REQUESTS], len(ids))


def test_urgent_ones_come_first_then_the_newest(shop_db: sqlite3.Connection) -> None:
    for name, is_urgent in ((1, False), (2, True), (3, False), (4, True)):
        tell(shop_db, late(name, is_urgent=is_urgent), NOW + name)
    assert listed(shop_db) == [4, 2, 3, 1]
    acknowledge(shop_db, 4)
    assert listed(shop_db) == [2, 3, 1]
    assert listed(shop_db, with_acknowledged=True) == [2, 3, 1, 4]


def test_what_is_beyond_the_page_is_counted(shop_db: sqlite3.Connection) -> None:
    rows = [(second,) for second in range(1001)]
    shop_db.executemany("INSERT INTO alert (kind, request_ids, raised_at) VALUES ('late', x'', ?)", rows)
    page = load_alerts(shop_db, with_acknowledged=False)
    assert (len(page.alerts), page.total) == (1000, 1001)


def test_an_alert_is_acknowledged_once(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1))
    for at in (NOW + 5, NOW + 9):
        acknowledge(shop_db, 1, at)
    alert = find_alert(shop_db, 1)
    assert alert is not None
    assert alert.acknowledged_at == NOW + 5


def test_acknowledging_what_is_not_there_does_nothing(shop_db: sqlite3.Connection) -> None:
    acknowledge(shop_db, 77)
    assert listed(shop_db, with_acknowledged=True) == []


@pytest.mark.parametrize("is_new", [True, False])
def test_more_money_brings_it_back_and_the_same_does_not(shop_db: sqlite3.Connection, is_new: bool) -> None:
    tell(shop_db, late(1))
    acknowledge(shop_db, 1)
    tell(shop_db, late(1, is_new=is_new))
    assert listed(shop_db) == []
    tell(shop_db, late(1, amount=6, is_new=is_new))
    assert listed(shop_db) == [1]


def test_one_that_stands_for_others_comes_back_with_each(shop_db: sqlite3.Connection) -> None:
    told_of = about_others(PaymentAlertKind.LATE, 1, 500_000)
    others = replace(late(1), request_id=None, amount=0, told_of=told_of)
    tell(shop_db, others)
    acknowledge(shop_db, 1)
    tell(shop_db, others)
    assert listed(shop_db) == [1]


def test_what_nobody_has_to_hear_of_any_more_is_over_until_it_is_raised_again(
    shop_db: sqlite3.Connection,
) -> None:
    tell(shop_db, late(1))
    tell(shop_db, late(2))
    end(shop_db, late(1), NOW + 3)
    ended = find_alert(shop_db, 1)
    assert ended is not None
    assert (listed(shop_db), ended.ended_at, ended.acknowledged_at) == ([2], NOW + 3, NOW + 3)
    # Of the same sum: had a person seen to it, it would stay so.
    tell(shop_db, late(1), NOW + 4)
    again = find_alert(shop_db, 1)
    assert again is not None
    assert (again.ended_at, again.acknowledged_at) == (None, None)


def test_what_a_person_has_seen_to_before_it_ends_was_seen_then(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1))
    acknowledge(shop_db, 1, NOW + 1)
    end(shop_db, late(1), NOW + 3)
    ended = find_alert(shop_db, 1)
    assert ended is not None
    assert (ended.ended_at, ended.acknowledged_at) == (NOW + 3, NOW + 1)


def test_what_counts_for_the_limits_is_read_by_its_time(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1), NOW + 5)
    tell(shop_db, late(2), NOW + 2)
    told = [
        ToldAlert(1, "late", late(n).told_of, at, issued(n).card) for n, at in ((2, NOW + 2), (1, NOW + 5))
    ]
    assert load_told(shop_db, NOW) == told
    assert load_told(shop_db, NOW + 2) == told[1:]
    tell(shop_db, late(1, is_urgent=True), NOW + 6)
    assert load_told(shop_db, NOW) == told[:1]


def test_the_decimals_of_its_token_come_with_an_alert(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1))
    (unknown,) = load_alerts(shop_db, with_acknowledged=False).alerts
    found = DecimalsRows((CHAIN, TOKEN), 2, None, NOW)
    store_rows(shop_db, rows_of([found]).statements())
    (known,) = load_alerts(shop_db, with_acknowledged=False).alerts
    assert (unknown.decimals, known.decimals) == (None, 2)
    assert find_alert(shop_db, known.id) == known
