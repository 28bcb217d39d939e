"""What is stored beside a log, compared with what has to be: of logs just as they were stored, nothing."""

import sqlite3
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.comparison import find_difference, find_surplus
from minirelay.store.messages import Leaf, StoredSet
from tests.store.examples import GUEST, ShopLog, beginning, listing, order
from tests.store.random_logs import logs, store_log

Logs = list[tuple[list[Leaf], int]]


def patch_count(sets: Sequence[StoredSet]) -> int:
    return sum(len(one.leaves) for one in sets)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(log=logs, data=st.data())
def test_random_logs_are_as_they_were_stored_and_one_changed_patch_is_found(
    shared: sqlite3.Connection, log: Logs, data: st.DataObject
) -> None:
    shop, sets = store_log(shared, log)
    assert find_difference(shared, shop, sets) is None
    assert find_surplus(shared, shop, patch_count(sets)) is None
    if not sets:
        return
    one = data.draw(st.sampled_from(sets))
    leaf = data.draw(st.integers(0, len(one.leaves) - 1))
    change = data.draw(
        st.sampled_from(["owner = owner + 1", "seq = seq + 1000", "leaf = leaf + 1000", "object_id = x'2a'"])
    )
    where = "WHERE shop = ? AND seq = ? AND leaf = ?"
    shared.execute("SAVEPOINT change")
    shared.execute(f"UPDATE patch_index SET {change} {where}", (shop, one.seq, leaf))
    assert (
        find_difference(shared, shop, sets)
        == f"set {one.seq}: the index lacks its patch {leaf}, or has another owner for it"
    )
    shared.execute("ROLLBACK TO change")
    shared.execute("RELEASE change")


@pytest.fixture
def sets(db: sqlite3.Connection) -> list[StoredSet]:
    log = ShopLog()
    commits = [
        *beginning(),
        log.add(listing(1)),
        log.add(order(1, GUEST), listing(1)),
        log.add(order(1, GUEST)),
    ]
    commits.append(log.add(*[listing(number) for number in range(1000)]))
    store(db, rows_of(commits).statements())
    return log.sets


@pytest.mark.parametrize("leaf", [0, 1, 127, 128, 500, 999])
def test_the_first_patch_that_is_missing_is_named(
    db: sqlite3.Connection, sets: list[StoredSet], leaf: int
) -> None:
    db.execute("DELETE FROM patch_index WHERE seq = 4 AND leaf >= ?", (leaf,))
    assert f"set 4: the index lacks its patch {leaf}," in (find_difference(db, 1, sets) or "")


def test_the_first_set_that_differs_is_named(db: sqlite3.Connection, sets: list[StoredSet]) -> None:
    db.execute("DELETE FROM patch_index WHERE seq = 3")
    db.execute("UPDATE patch_set SET types = 1 WHERE position & 0xff = 2")
    assert find_difference(db, 1, sets) == "set 2: its types is stored otherwise than the log says"
    assert find_difference(db, 1, sets[3:]) is None


def test_a_set_without_an_author_differs_from_one_with_an_author(
    db: sqlite3.Connection, sets: list[StoredSet]
) -> None:
    db.execute("UPDATE patch_set SET author = NULL WHERE position & 0xff = 1")
    assert "set 1: its author" in (find_difference(db, 1, sets) or "")
    assert find_difference(db, 1, [msgspec.structs.replace(sets[0], author=None)]) is None


def test_a_set_that_is_not_there_differs(db: sqlite3.Connection, sets: list[StoredSet]) -> None:
    db.execute("DELETE FROM patch_set WHERE position & 0xff = 4")
    assert "set 4: its row" in (find_difference(db, 1, sets) or "")


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ((1, 1, b"x", 9, 0, 0), "for patch 0 of set 9"),
        ((1, 1, b"x", 0, 0, 0), "for patch 0 of set 0"),
        ((1, 1, b"x", 2, 2, 0), "for patch 2 of set 2"),
        ((1, 1, b"x", 2, -1, 0), "for patch -1 of set 2"),
        ((1, 1, b"x", 2, 1, 0), "for patch 1 of set 2"),
        ((1, ObjectType.TAG, listing(1).object_id, 1, 0, 0), "for patch 0 of set 1"),
    ],
)
def test_a_row_too_many_is_named(
    db: sqlite3.Connection, sets: list[StoredSet], row: tuple[object, ...], where: str
) -> None:
    db.execute("INSERT INTO patch_index VALUES (?, ?, ?, ?, ?, ?)", row)
    assert find_difference(db, 1, sets) is None
    assert where in (find_surplus(db, 1, patch_count(sets)) or "")
