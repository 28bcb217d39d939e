import sqlite3

import pytest

from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.failed_commits import FailedCommits, rehearse
from minirelay.store.writes import Commit
from tests.store.examples import CARD, GUEST, ShopLog, beginning, key_card

MOST_BYTES = 10_000


def test_those_of_a_shop_are_kept_until_one_of_the_same_shop_is_stored() -> None:
    failed = FailedCommits(MOST_BYTES)
    assert not failed
    one, two = ShopLog(1), ShopLog(2)
    first, second, other = one.add(), one.add(), two.add()
    failed.add([first, other, second])
    assert failed.all() == (first, second, other)
    failed.forget([ShopLog(3).add()])
    assert failed.all() == (first, second, other)
    failed.forget([one.add()])
    assert failed.all() == (other,)
    failed.clear()
    assert not failed


def test_of_a_shop_the_last_failure_counts() -> None:
    failed = FailedCommits(MOST_BYTES)
    log = ShopLog()
    failed.add([log.add(), log.add()])
    last = log.add()
    failed.add([last])
    assert failed.all() == (last,)


def test_they_are_bounded_and_the_last_is_kept_whatever_its_size() -> None:
    failed = FailedCommits(MOST_BYTES)
    commits = [ShopLog(shop).add(size_bytes=3000) for shop in range(1, 8)]
    for commit in commits:
        failed.add([commit])
    assert failed.all() == tuple(commits[-3:])
    large = ShopLog(9).add(size_bytes=50_000)
    failed.add([large])
    assert failed.all() == (large,)


def test_a_card_that_another_shop_has_now_is_tried_no_more() -> None:
    failed = FailedCommits(MOST_BYTES)
    failed.add([Commit(epoch=0, shop=1, new_cards=(key_card(GUEST, 1),))])
    failed.forget([Commit(epoch=0, shop=2, new_cards=(key_card(CARD, 2),))])
    assert failed
    failed.forget([Commit(epoch=0, shop=2, new_cards=(key_card(GUEST, 2),))])
    assert not failed


def content(db: sqlite3.Connection) -> list[list[object]]:
    tables = ("shop", "key_card", "patch_set", "patch_index", "object", "meta")
    return [db.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


def test_a_rehearsal_leaves_nothing(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning()).statements())
    before = content(db)
    log = ShopLog()
    rehearse(db, [log.add(), log.add(size_bytes=50_000), *beginning(2, cards=(GUEST,))], MOST_BYTES)
    assert content(db) == before
    assert not db.in_transaction


def test_a_rehearsal_of_what_can_not_be_stored_fails_and_leaves_nothing(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning()).statements())
    before = content(db)
    log = ShopLog()
    log.add()
    with pytest.raises(sqlite3.IntegrityError, match="gap"):
        rehearse(db, [log.add()], MOST_BYTES)
    assert content(db) == before
    assert not db.in_transaction


def test_a_rehearsal_commits_as_many_bytes_up_to_the_bound(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning()).statements())
    written = []
    for size_bytes, most_bytes in ((100, 10**6), (40_000, 10**6), (400_000, 40_000)):
        commit = ShopLog().add(size_bytes=size_bytes)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rehearse(db, [commit], most_bytes)
        frames: int = db.execute("PRAGMA wal_checkpoint").fetchone()[1]
        written.append(frames * 4096)
    small, large, bounded = written
    assert small < 40_000 < large
    assert 40_000 < bounded < 3 * 40_000
