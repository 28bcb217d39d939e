"""At whose addresses was searched for money that they do not ask for."""

import sqlite3
from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from minirelay.shop.issued_requests import RequestState
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.payment_records import load_transfers
from minirelay.store.payment_rows import PaymentRows, TransferKind
from minirelay.store.stray_rows import StraySearched, StraySearchRows, list_unread, load_unsearched
from tests.shop.issued import CHAIN, issued
from tests.store.examples import beginning
from tests.store.test_checkout_rows import outcome, put
from tests.store.test_payment_rows import EVENT

S = RequestState
OTHER = CHAIN + 1
NEVER = 2**40


@pytest.fixture
def closed_db(db: sqlite3.Connection) -> sqlite3.Connection:
    """Requests that are waiting, paid, expired, late and dismissed."""
    store_rows(db, rows_of(beginning()).statements())
    put(db, outcome(new=[issued(number) for number in range(1, 6)]))
    states = (S.PAID, S.EXPIRED, S.LATE, S.DISMISSED)
    put(db, outcome(*[replace(issued(number), state=state) for number, state in enumerate(states, 2)]))
    return db


def unsearched(db: sqlite3.Connection, chain_id: int, *, now: int = NEVER, since: int = 0) -> list[bytes]:
    return [one.issued.id for one in load_unsearched(db, chain_id, now=now, since=since, most=9)]


def write(db: sqlite3.Connection, searched: Iterable[StraySearched], *found: PaymentRows) -> None:
    store_rows(db, rows_of([StraySearchRows(tuple(searched), found)]).statements())


def test_what_is_paid_or_over_is_to_be_searched_on_each_chain(closed_db: sqlite3.Connection) -> None:
    for chain_id in (CHAIN, OTHER):
        assert set(unsearched(closed_db, chain_id)) == {issued(number).id for number in (2, 3, 4)}
        # As long as there is time to pay, only what is paid.
        assert unsearched(closed_db, chain_id, now=0) == [issued(2).id]
    assert unsearched(closed_db, CHAIN, since=NEVER) == []
    (newest,) = load_unsearched(closed_db, CHAIN, now=NEVER, since=0, most=1)
    assert newest.issued.id == issued(4).id


@pytest.mark.parametrize("is_read", [True, False])
def test_what_was_searched_on_a_chain_is_not_again(closed_db: sqlite3.Connection, is_read: bool) -> None:
    write(closed_db, [StraySearched(issued(2).id, OTHER, is_read)])
    assert issued(2).id not in unsearched(closed_db, OTHER)
    assert issued(2).id in unsearched(closed_db, CHAIN)
    unread = {} if is_read else {issued(2).id: [OTHER]}
    assert list_unread(closed_db, [issued(2).id, issued(3).id]) == unread


def test_what_is_known_once_stays_known(closed_db: sqlite3.Connection) -> None:
    for is_read in (False, True, False):
        write(closed_db, [StraySearched(issued(2).id, OTHER, is_read)])
    assert list_unread(closed_db, [issued(2).id]) == {}


def test_what_was_found_comes_with_it_and_says_where_it_is(closed_db: sqlite3.Connection) -> None:
    here = replace(EVENT, request_id=issued(2).id, kind=TransferKind.STRAY, transaction_hash=b"", index=0)
    there = replace(here, chain_id=OTHER, amount=5)
    assert StraySearchRows((), ()).weight == 0
    write(
        closed_db,
        [StraySearched(issued(2).id, OTHER, is_read=True)],
        PaymentRows(shop=1, transfers=(here, there)),
    )
    assert sorted(load_transfers(closed_db, [issued(2).id]), key=lambda one: one.amount) == sorted(
        [here, there], key=lambda one: one.amount
    )
    # Each is brought up to date for itself.
    write(closed_db, [], PaymentRows(shop=1, transfers=(replace(there, amount=6),)))
    write(closed_db, [], PaymentRows(shop=1, gone=(here,)))
    (left,) = load_transfers(closed_db, [issued(2).id])
    assert (left.chain_id, left.amount) == (OTHER, 6)
