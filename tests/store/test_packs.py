"""Packs: what SQLite takes out of them is what rows one by one would have stored; and how few they are."""

import sqlite3
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.sizes import MAX_PATCHES_PER_SET
from minirelay.store.batch import index_rows, rows_of
from minirelay.store.bulk_insert import WIDTH, Rows, store
from minirelay.store.messages import EMPTY_COUNTS, MAX_SEQ, PIECE_BYTES, Leaf, ObjectRow, StoredSet
from minirelay.store.packs import FEWEST, MOST, IndexRows
from minirelay.store.writes import Commit
from tests.store.examples import GUEST, ShopLog, beginning, listing, order

SHOPS = count(1)

LEAVES = st.lists(
    st.one_of(
        st.integers(0, 5).map(listing),
        st.tuples(st.integers(0, 5), st.sampled_from([0, GUEST])).map(lambda one: order(*one)),
        st.binary(min_size=1, max_size=3).map(lambda name: Leaf(ObjectType.TAG, name)),
        st.just(Leaf(ObjectType.MANIFEST, b"")),
    ),
    min_size=1,
    max_size=60,
)
KEYS = st.tuples(
    st.sampled_from([ObjectType.LISTING, ObjectType.ORDER, ObjectType.TAG]), st.binary(max_size=2)
)
VALUES = st.one_of(st.none(), st.binary(max_size=30), st.sampled_from([bytes(PIECE_BYTES), b"\xff" * 4000]))
OBJECTS = st.dictionaries(KEYS, st.tuples(VALUES, st.sampled_from([0, GUEST])), max_size=60)


def written(commit: Commit) -> Rows:
    return rows_of([commit])


def bulk_rows(rows: Rows) -> int:
    """Count the rows that are handed over, those that fill a statement up aside."""
    parameters = [one for statement in rows.statements() for one in statement.parameters[:: WIDTH + 1]]
    return sum(kind != 0 for kind in parameters)


def begin(db: sqlite3.Connection) -> int:
    shop = next(SHOPS)
    store(db, rows_of(beginning(shop, cards=())).statements())
    return shop


def index_of(db: sqlite3.Connection, shop: int) -> list[tuple[Any, ...]]:
    sql = """SELECT shop, object_type, object_id, seq, leaf, owner FROM patch_index
        WHERE shop = ? ORDER BY seq, leaf"""
    return db.execute(sql, (shop,)).fetchall()


def objects_of(db: sqlite3.Connection, shop: int) -> dict[Any, Any]:
    sql = "SELECT object_type, key, value, owner, pieces FROM object WHERE shop = ?"
    return {
        (kind, key): (value, owner, pieces) for kind, key, value, owner, pieces in db.execute(sql, (shop,))
    }


@given(st.lists(LEAVES, min_size=1, max_size=3))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_every_patch_has_its_row(shared: sqlite3.Connection, sets: list[list[Leaf]]) -> None:
    log = ShopLog(begin(shared))
    store(shared, rows_of([log.add(*leaves) for leaves in sets]).statements())
    assert index_of(shared, log.shop) == [row for one in log.sets for row in index_rows(log.shop, one)]


@given(st.lists(OBJECTS, min_size=1, max_size=3))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_every_object_is_as_it_was_changed_last(
    shared: sqlite3.Connection, histories: list[dict[Any, Any]]
) -> None:
    shop = begin(shared)
    expected: dict[Any, Any] = {}
    for changed in histories:
        changes = tuple(ObjectRow(kind, key, value, owner) for (kind, key), (value, owner) in changed.items())
        store(shared, written(Commit(epoch=0, shop=shop, changes=changes)).statements())
        for place, (value, owner) in changed.items():
            expected.pop(place, None)
            if value is not None:
                expected[place] = (value, owner, 0)
        assert objects_of(shared, shop) == expected


def filling(patches: int) -> Rows:
    """Return the rows of a set that adds so many listings."""
    log = ShopLog()
    changes = [ObjectRow(ObjectType.LISTING, number.to_bytes(8), b"value") for number in range(patches)]
    return written(log.add(*map(listing, range(patches)), changes=tuple(changes)))


def test_the_rows_of_a_set_are_handed_over_as_few() -> None:
    # The set itself, its index, its objects.
    assert [bulk_rows(filling(patches)) for patches in (FEWEST, 50, MOST)] == [3, 3, 3]
    assert bulk_rows(filling(MOST + 1)) == 5
    # So few go one by one.
    assert bulk_rows(filling(FEWEST - 1)) == 1 + 2 * (FEWEST - 1)


def test_so_are_those_of_many_sets_of_one_patch() -> None:
    log = ShopLog()
    commits = [
        log.add(listing(number), changes=(ObjectRow(ObjectType.LISTING, number.to_bytes(8), b"value"),))
        for number in range(64)
    ]
    assert bulk_rows(rows_of(commits)) == 64 + 2


def test_each_row_of_a_pack_is_counted() -> None:
    assert [len(filling(patches)) for patches in (1, 50, 1000)] == [3, 101, 2001]


def test_the_last_patch_of_the_last_set_has_its_row(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning(cards=())).statements())
    leaves = tuple(map(listing, range(MAX_PATCHES_PER_SET)))
    rows, index = Rows(), IndexRows()
    index.add(1, StoredSet(MAX_SEQ, leaves, EMPTY_COUNTS, b"", None))
    index.add_to(rows)
    store(db, rows.statements())
    last = MAX_PATCHES_PER_SET - 1
    assert len(index_of(db, 1)) == MAX_PATCHES_PER_SET
    assert index_of(db, 1)[-1] == (1, +ObjectType.LISTING, last.to_bytes(8), MAX_SEQ, last, 0)


def test_they_are_found_where_a_pack_ends_and_the_next_begins(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning(cards=())).statements())
    store(db, filling(2 * MOST + 1).statements())
    expected = [(1, +ObjectType.LISTING, number.to_bytes(8), 1, number, 0) for number in range(2 * MOST + 1)]
    assert index_of(db, 1) == expected
    assert set(objects_of(db, 1)) == {
        (+ObjectType.LISTING, number.to_bytes(8)) for number in range(2 * MOST + 1)
    }
