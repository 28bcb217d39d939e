"""What may lie unswept, out of the database."""

import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.issued_requests import RequestState
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.decimals_rows import DecimalsRows
from minirelay.store.unswept import list_candidates
from tests.shop.issued import CHAIN, issued
from tests.shop.patching import TOKEN
from tests.store.examples import beginning, shop_row
from tests.store.test_checkout_rows import outcome, put

S = RequestState


@pytest.fixture
def filled(db: sqlite3.Connection) -> sqlite3.Connection:
    """Three requests of order 5, of which one was paid over, and one of another in coins."""
    store_rows(db, rows_of([*beginning(), DecimalsRows((CHAIN, TOKEN), 2, None, 1)]).statements())
    rows = [issued(1), issued(2), issued(3), issued(4, 6, currency=NATIVE_COIN)]
    put(db, outcome(new=rows))
    put(db, outcome(replace(rows[1], state=S.OVER)))
    return db


def test_the_newest_come_first_with_whether_their_order_is_paid(filled: sqlite3.Connection) -> None:
    found = list_candidates(filled, CHAIN)
    assert [one.id for one in found] == [issued(4, 6, currency=NATIVE_COIN).id] + [
        issued(number).id for number in (3, 2, 1)
    ]
    assert [one.is_order_paid for one in found] == [False, True, True, True]
    assert [one.decimals for one in found] == [None, 2, 2, 2]
    assert {one.shop for one in found} == {shop_row().row_id}
    assert found[1].request == replace(issued(3).request, shop_id=shop_row().shop_id)
    assert list_candidates(filled, CHAIN + 1) == []


def test_only_what_is_wanted_is_listed(filled: sqlite3.Connection) -> None:
    (one,) = list_candidates(filled, CHAIN, request_id=issued(1).id)
    assert one.id == issued(1).id
    (over,) = list_candidates(filled, CHAIN, states=[S.PAID, S.OVER])
    assert (over.id, over.state) == (issued(2).id, S.OVER)
    assert list_candidates(filled, CHAIN, states=[S.OVER], since=over.issued_at + 1) == []
