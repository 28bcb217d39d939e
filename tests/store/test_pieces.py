"""Large objects in pieces, against a plain dict; and how little of one is written when it grows."""

import sqlite3
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import Kind, Rows, store
from minirelay.store.messages import PIECE_BYTES, ObjectRow, ShopRow
from minirelay.store.objects import load_objects
from minirelay.store.pieces import object_row
from minirelay.store.writes import Commit

KEYS = [b"a", b"b"]
SIZES = st.sampled_from(
    [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 5 * PIECE_BYTES + 7]
)
CHANGES = st.tuples(
    st.sampled_from(KEYS),
    st.one_of(
        st.none(),
        st.tuples(
            st.sampled_from(["append", "insert", "cut", "replace", "same"]), SIZES, st.integers(0, 255)
        ),
    ),
)
# Histories of commits, some of which share a transaction.
HISTORIES = st.lists(st.lists(st.lists(CHANGES, min_size=1, max_size=2), min_size=1, max_size=4), max_size=5)
SHOPS = count(1)


def after(before: bytes | None, change: Any) -> bytes | None:
    """Carry out a change in the plain way."""
    if change is None:
        return None
    kind, size, byte = change
    value = before or b""
    fresh = bytes([byte]) * size
    changed: dict[str, bytes] = {
        "append": value + fresh,
        "insert": value[: len(value) // 2] + fresh + value[len(value) // 2 :],
        "cut": value[:size],
        "replace": fresh,
        "same": value,
    }
    return changed[kind]


@given(HISTORIES)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_whatever_happens_to_objects_they_are_stored_as_they_are(
    shared: sqlite3.Connection, history: list[Any]
) -> None:
    shop = next(SHOPS)
    store(shared, rows_of([Commit(epoch=0, shop=shop, new_shop=ShopRow(shop, shop, 0))]).statements())
    objects: dict[bytes, bytes] = {}
    for transaction in history:
        commits = [Commit(epoch=0, shop=shop, changes=tuple(make(objects, commit))) for commit in transaction]
        store(shared, rows_of(commits).statements())
        assert {one.key: one.value for one in load_objects(shared, shop)} == objects
        assert stored_lengths(shared, shop) == {
            key: [min(PIECE_BYTES, len(value) - at) for at in range(0, len(value) or 1, PIECE_BYTES)]
            for key, value in objects.items()
        }
    assert orphans(shared) == []


def make(objects: dict[bytes, bytes], changes: list[Any]) -> Iterator[ObjectRow]:
    for key, change in changes:
        before = objects.pop(key, None)
        value = after(before, change)
        if value is not None:
            objects[key] = value
        yield object_row(ObjectType.ORDER, key, value, before=before)


def stored_lengths(db: sqlite3.Connection, shop: int) -> dict[bytes, list[int]]:
    lengths: dict[bytes, list[int]] = {}
    for key, row, length in db.execute("SELECT key, row, length(value) FROM object WHERE shop = ?", (shop,)):
        pieces = db.execute(
            "SELECT length(value) FROM object_piece WHERE position >> 20 = ? ORDER BY position", (row,)
        )
        lengths[key] = [length, *(piece for (piece,) in pieces)]
    return lengths


def orphans(db: sqlite3.Connection) -> list[Any]:
    sql = "SELECT position FROM object_piece WHERE position >> 20 NOT IN (SELECT row FROM object)"
    return db.execute(sql).fetchall()


@pytest.mark.parametrize("size", [4_000, 100_000, 3_500_000])
def test_an_append_writes_the_first_piece_and_the_last(size: int) -> None:
    before = bytes(size)
    longer = b"\x01" + before[1:] + b"\x02" * 35
    row = object_row(ObjectType.ACCOUNT, b"k", longer, before=before)
    assert len(row.pieces) <= 2
    rows = rows_of([Commit(epoch=0, shop=1, changes=(row,))])
    assert rows.size_bytes <= 2 * PIECE_BYTES + 300


def test_appends_in_one_transaction_write_each_piece_once() -> None:
    value = bytes(100_000)
    commits = []
    for _ in range(1000):
        longer = value + b"\x02" * 35
        row = object_row(ObjectType.ACCOUNT, b"k", longer, before=value)
        commits.append(Commit(epoch=0, shop=1, changes=(row,)))
        value = longer
    # 35,000 more bytes, and the object itself.
    assert len(rows_of(commits)) == 9 + 1


def test_an_object_that_stays_has_no_pieces_to_write() -> None:
    value = bytes(20_000)
    row = object_row(ObjectType.ORDER, b"k", value, 5, before=value)
    assert (row.owner, row.pieces, row.piece_count) == (5, (), 4)


def test_a_piece_of_no_object_is_noticed(db: sqlite3.Connection) -> None:
    rows = Rows()
    rows.add(Kind.PIECE, 1, ObjectType.ORDER, b"k", 1, b"piece")
    with pytest.raises(sqlite3.IntegrityError, match="no such object"):
        store(db, rows.statements())


def test_more_than_a_piece_in_one_is_noticed() -> None:
    assert ObjectRow(ObjectType.ORDER, b"k", bytes(PIECE_BYTES)).piece_count == 0
    with pytest.raises(ValueError, match="in pieces"):
        ObjectRow(ObjectType.ORDER, b"k", bytes(PIECE_BYTES + 1))


def test_a_piece_lies_in_one_page(db: sqlite3.Connection) -> None:
    store(db, rows_of([Commit(epoch=0, shop=1, new_shop=ShopRow(1, 1, 0))]).statements())
    (before,) = db.execute("PRAGMA page_count").fetchone()
    row = object_row(ObjectType.ACCOUNT, bytes(20), bytes(101 * PIECE_BYTES))
    store(db, rows_of([Commit(epoch=0, shop=1, changes=(row,))]).statements())
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    # A page for each piece, and the inner pages of the tree.
    assert pages - before <= 103
