"""Which accounts are to be compared with the chain, over restarts; and which wallets have one."""

import sqlite3

from minirelay.protocol.objects import ObjectType
from minirelay.store.account_checks import (
    AccountCheck,
    AccountCheckRows,
    find_accounts,
    load_account_checks,
)
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.messages import ObjectRow
from minirelay.store.pieces import object_row
from minirelay.store.writes import Commit
from tests.store.examples import beginning, shop_row

FIRST = AccountCheck(2**256 - 1, b"\x01" * 20, True)
SECOND = AccountCheck(5, b"\x02" * 20, False)


def write(db: sqlite3.Connection, pending: list[AccountCheck], done: list[AccountCheck]) -> None:
    store_rows(db, rows_of([AccountCheckRows(tuple(pending), tuple(done))]).statements())


def test_checks_are_kept_until_they_are_done(db: sqlite3.Connection) -> None:
    assert load_account_checks(db) == []
    write(db, [FIRST, SECOND], [])
    assert load_account_checks(db) == [SECOND, FIRST]
    write(db, [], [FIRST])
    write(db, [], [FIRST])
    assert load_account_checks(db) == [SECOND]


def test_the_last_word_counts(db: sqlite3.Connection) -> None:
    write(db, [SECOND], [])
    write(db, [AccountCheck(5, SECOND.wallet, True)], [])
    assert load_account_checks(db) == [AccountCheck(5, SECOND.wallet, True)]


def test_they_weigh_about_what_they_write() -> None:
    rows = AccountCheckRows((FIRST,), (SECOND,) * 9)
    assert rows.epoch is None
    assert rows.weight >= rows_of([rows]).size_bytes


def test_the_wallets_that_have_an_account_are_found(db: sqlite3.Connection) -> None:
    parts = beginning()
    shop_id, wallets = shop_row().shop_id, [bytes([number]) * 20 for number in range(200)]
    changes: list[ObjectRow] = [
        object_row(ObjectType.ACCOUNT, wallets[7], b"\xa0", 0, before=None),
        object_row(ObjectType.ACCOUNT, wallets[199], b"\xa0" * 9000, 0, before=None),
        object_row(ObjectType.TAG, wallets[8], b"\xa0", 0, before=None),
    ]
    store_rows(db, rows_of(parts).statements())
    store_rows(db, rows_of([Commit(epoch=0, shop=1, changes=tuple(changes))]).statements())
    assert find_accounts(db, shop_id, wallets) == {wallets[7], wallets[199]}
    assert find_accounts(db, shop_id, wallets[:1]) == set()
    assert find_accounts(db, shop_id, []) == set()
    assert find_accounts(db, 999, wallets) == set()
