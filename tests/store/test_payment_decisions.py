"""Decisions about payments are kept, all of them, in their order."""

import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.payment_decisions import Decision, PaymentDecision, load_decisions
from tests.shop.issued import issued
from tests.store.examples import beginning
from tests.store.test_checkout_rows import outcome, put

ONE = PaymentDecision(
    request_id=issued(1).id, decision=Decision.DISMISS, decided_by="ann", reason="dust", decided_at=7
)


def test_decisions_are_kept_in_their_order(db: sqlite3.Connection) -> None:
    store_rows(db, rows_of(beginning()).statements())
    put(db, outcome(new=[issued(1), issued(2)]))
    later = replace(ONE, decision=Decision.ACCEPT, reason="", decided_at=6)
    store_rows(db, rows_of([ONE, later]).statements())
    assert load_decisions(db, [issued(2).id, ONE.request_id]) == [ONE, later]


def test_there_is_no_decision_about_nothing(db: sqlite3.Connection) -> None:
    store_rows(db, rows_of(beginning()).statements())
    with pytest.raises(sqlite3.IntegrityError):
        store_rows(db, rows_of([ONE]).statements())
