"""What may lie unswept, out of the database."""

import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.block_id import BlockId
from minirelay.shop.issued_requests import RequestState
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.decimals_rows import DecimalsRows
from minirelay.store.payment_rows import PaymentRows, PaymentTransfer, TransferKind
from minirelay.store.unswept import list_candidates, list_strays
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


def test_what_lies_on_another_chain_is_listed_there_the_most_first(filled: sqlite3.Connection) -> None:
    coin, other = issued(4, 6, currency=NATIVE_COIN), CHAIN + 1
    found = [
        stray(coin.id, NATIVE_COIN, 5, other),
        stray(issued(1).id, TOKEN, 9, other),
        # What can't be moved: a token at the address for coins, coins at that for a token, or its own chain.
        stray(coin.id, TOKEN, 7, other),
        stray(issued(2).id, NATIVE_COIN, 7, other),
        stray(issued(3).id, TOKEN, 7, None),
    ]
    store_rows(filled, rows_of([PaymentRows(shop=1, transfers=tuple(found))]).statements())
    assert [one.id for one in list_strays(filled, other)] == [issued(1).id, coin.id]
    (one,) = list_strays(filled, other, request_id=coin.id)
    assert (one.request.chain_id, one.decimals) == (CHAIN, None)
    assert list_strays(filled, CHAIN) == list_strays(filled, other + 1) == []


def stray(request_id: bytes, token: bytes, amount: int, chain_id: int | None) -> PaymentTransfer:
    block = BlockId(5, bytes(32))
    kind = TransferKind.STRAY
    return PaymentTransfer(
        request_id=request_id, kind=kind, token=token, amount=amount, block=block, chain_id=chain_id
    )
