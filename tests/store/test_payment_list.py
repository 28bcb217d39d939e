"""Payment requests as they are listed."""

import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.shop.issued_requests import RequestState
from minirelay.store import payment_list
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.decimals_rows import DecimalsRows
from minirelay.store.payment_list import PaymentFilter, list_payments
from minirelay.store.payment_rows import PaymentRows, TransferKind
from tests.shop.issued import CHAIN, issued
from tests.shop.patching import TOKEN, number
from tests.store.examples import beginning, shop_row
from tests.store.test_checkout_rows import outcome, put
from tests.store.test_payment_rows import EVENT

ANY = PaymentFilter()


@pytest.fixture
def payments_db(db: sqlite3.Connection) -> sqlite3.Connection:
    """Six requests of two orders, two of them not waiting any more."""
    store_rows(db, rows_of(beginning()).statements())
    rows = [issued(name, order=5 if name < 4 else 6) for name in range(1, 7)]
    put(db, outcome(new=rows))
    put(db, outcome(replace(rows[1], state=RequestState.PAID, received=10)))
    put(db, outcome(replace(rows[4], state=RequestState.LATE, received=4)))
    return db


def names(found: list[payment_list.ListedPayment]) -> list[int]:
    return [int.from_bytes(one.request_id) for one in found]


def test_the_newest_come_first_page_by_page(
    payments_db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_list, "PAGE", 4)
    first = list_payments(payments_db, ANY)
    rest = list_payments(payments_db, ANY, first[-1].row)
    assert (names(first), names(rest)) == ([6, 5, 4, 3], [2, 1])
    assert list_payments(payments_db, ANY, rest[-1].row) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (PaymentFilter(order_id=number(5)), [3, 2, 1]),
        (PaymentFilter(states=frozenset({RequestState.PAID, RequestState.LATE})), [5, 2]),
        (PaymentFilter(order_id=number(6), states=frozenset({RequestState.PAID})), []),
        (PaymentFilter(states=frozenset()), []),
        (PaymentFilter(shop_id=shop_row().shop_id), [6, 5, 4, 3, 2, 1]),
        (PaymentFilter(shop_id=77), []),
    ],
)
def test_only_what_is_wanted_is_listed(
    payments_db: sqlite3.Connection, wanted: PaymentFilter, expected: list[int]
) -> None:
    assert names(list_payments(payments_db, wanted)) == expected


def test_all_of_a_request_is_told(payments_db: sqlite3.Connection) -> None:
    store_rows(payments_db, rows_of([DecimalsRows((CHAIN, TOKEN), 2, None, 1)]).statements())
    stray = replace(EVENT, request_id=issued(5).id, kind=TransferKind.STRAY)
    rows = [PaymentRows(shop=1, transfers=(stray,))]
    store_rows(payments_db, rows_of(rows).statements())
    (late,) = list_payments(payments_db, PaymentFilter(states=frozenset({RequestState.LATE})))
    assert (late.shop_id, late.order_id, late.chain_id) == (shop_row().shop_id, number(6), CHAIN)
    assert (late.currency, late.amount, late.received, late.decimals) == (TOKEN, 10, 4, 2)
    assert (late.ttl, late.has_stray, late.is_dead) == (issued(5).request.ttl, True, False)
    (paid,) = list_payments(payments_db, PaymentFilter(states=frozenset({RequestState.PAID})))
    assert paid.has_stray is False
