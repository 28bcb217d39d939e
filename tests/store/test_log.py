import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import position, rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.errors import StoreUnavailable
from minirelay.store.log import read_counts, read_sets, read_tail, read_typed, read_wires
from minirelay.store.messages import EMPTY_COUNTS, MAX_SEQ, Leaf, TypedSet, TypesSeen, WireSet
from tests.store import second_reading
from tests.store.examples import ShopLog, beginning, listing
from tests.store.random_logs import logs, store_log

ALL = 10**9


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    log=logs,
    after=st.integers(0, 45),
    upto=st.integers(0, 45),
    max_patches=st.integers(1, 30),
    max_bytes=st.integers(0, 3000),
)
def test_a_page_is_what_a_full_scan_finds(
    shared: sqlite3.Connection,
    log: list[tuple[list[Leaf], int]],
    after: int,
    upto: int,
    max_patches: int,
    max_bytes: int,
) -> None:
    shop, sets = store_log(shared, log)
    expected = second_reading.page(sets, after, upto, max_patches, max_bytes)
    assert read_sets(shared, shop, after, upto, max_patches, max_bytes) == expected
    wires = [WireSet(one.seq, len(one.leaves), one.wire) for one in expected]
    assert read_wires(shared, shop, after, upto, max_patches, max_bytes) == wires


TYPES = st.frozensets(st.sampled_from(list(ObjectType)))


@settings(derandomize=True, max_examples=150, deadline=None)
@given(log=logs, whole=TYPES, others=TYPES, after=st.integers(0, 45), max_patches=st.integers(1, 30))
def test_leaves_and_bytes_are_read_where_types_do_not_tell_what_is_seen(
    shared: sqlite3.Connection,
    log: list[tuple[list[Leaf], int]],
    whole: frozenset[ObjectType],
    others: frozenset[ObjectType],
    after: int,
    max_patches: int,
) -> None:
    shop, sets = store_log(shared, log)
    expected = []
    for one in second_reading.page(sets, after, ALL, max_patches, ALL):
        types = {leaf.object_type for leaf in one.leaves}
        leaves = () if types <= whole or types.isdisjoint(whole | others) else one.leaves
        wire = b"" if types.isdisjoint(whole | others) else one.wire
        expected.append(TypedSet(one.seq, len(one.leaves), types <= whole, leaves, wire))
    assert (
        read_typed(shared, shop, TypesSeen(whole, others - whole), after, ALL, max_patches, ALL) == expected
    )


@settings(derandomize=True, max_examples=50, deadline=None)
@given(log=logs)
def test_the_counts_at_each_point_are_those_that_were_stored(
    shared: sqlite3.Connection, log: list[tuple[list[Leaf], int]]
) -> None:
    shop, sets = store_log(shared, log)
    assert read_counts(shared, shop, 0) == EMPTY_COUNTS
    for one in sets:
        assert read_counts(shared, shop, one.seq) == one.counts
    end = sets[-1].counts if sets else EMPTY_COUNTS
    assert read_counts(shared, shop, len(sets) + 1) == end
    assert read_counts(shared, shop, 2**64) == end
    assert read_tail(shared, shop) == (len(sets), end)


def test_a_set_may_have_no_author(db: sqlite3.Connection) -> None:
    log = ShopLog()
    store(db, rows_of([*beginning(), *(log.add(author=author) for author in (0, 2**40, 1))]).statements())
    db.execute("UPDATE patch_set SET author = NULL WHERE position & 0xff = 1")
    assert [one.author for one in read_sets(db, 1, 0, 3, 10, 10**6)] == [None, 2**40, 1]


def test_the_log_of_a_shop_ends_where_the_next_begins(db: sqlite3.Connection) -> None:
    store(db, rows_of([*beginning(1), *beginning(2, cards=())]).statements())
    first, second = ShopLog(1), ShopLog(2)
    commits = [log.add(listing(log.shop)) for _ in range(10) for log in (first, second)]
    store(db, rows_of(commits).statements())
    for log in (first, second):
        assert read_sets(db, log.shop, 0, MAX_SEQ, ALL, ALL) == log.sets
        assert read_tail(db, log.shop) == (10, log.counts)
    assert read_tail(db, 3) == (0, EMPTY_COUNTS)
    assert read_sets(db, 3, 0, ALL, ALL, ALL) == []
    assert read_wires(db, 3, 0, ALL, ALL, ALL) == []


def test_a_page_looks_at_no_more_than_it_returns(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning()).statements())
    log = ShopLog()
    store(db, rows_of([log.add() for _ in range(3000)]).statements())
    steps = 0

    def count_steps() -> None:
        nonlocal steps
        steps += 1

    db.set_progress_handler(count_steps, 100)
    assert [one.seq for one in read_wires(db, 1, 5, 3000, 8, 10**6)] == list(range(6, 14))
    db.set_progress_handler(None, 0)
    assert steps < 20


def test_a_gap_in_the_file_is_noticed_not_passed_over(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning()).statements())
    log = ShopLog()
    store(db, rows_of([log.add() for _ in range(5)]).statements())
    db.execute("DELETE FROM patch_set WHERE position = ?", (position(1, 3),))
    assert [one.seq for one in read_sets(db, 1, 0, 2, ALL, ALL)] == [1, 2]
    with pytest.raises(StoreUnavailable, match="gap between 0 and 5"):
        read_typed(db, 1, TypesSeen(frozenset(ObjectType), frozenset()), 0, 5, ALL, ALL)
    for read in (read_sets, read_wires):
        with pytest.raises(StoreUnavailable, match="gap between 0 and 5"):
            read(db, 1, 0, 5, ALL, ALL)


@pytest.mark.parametrize(
    "object_id", [b"", b"\x00", b"\x00" * 8, b"\xff" * 20, "Ä\0".encode(), b"t" * 70_000]
)
def test_any_object_id_comes_back(db: sqlite3.Connection, object_id: bytes) -> None:
    store(db, rows_of(beginning()).statements())
    log = ShopLog()
    leaf = Leaf(listing(1).object_type, object_id)
    store(db, rows_of([log.add(leaf, leaf)]).statements())
    assert read_sets(db, 1, 0, 1, ALL, ALL)[0].leaves == (leaf, leaf)
    assert db.execute("SELECT count(*) FROM patch_index WHERE object_id = ?", (object_id,)).fetchone() == (2,)


def test_a_set_larger_than_all_limits_comes_alone(db: sqlite3.Connection) -> None:
    log = ShopLog()
    leaves = [listing(number) for number in range(16_384)]
    commits = [*beginning(), log.add(), log.add(*leaves, size_bytes=8_000_000), log.add()]
    store(db, rows_of(commits).statements())
    for after in range(3):
        assert read_sets(db, 1, after, 3, 64, 1000) == log.sets[after : after + 1]
    assert [one.patch_count for one in read_wires(db, 1, 1, 3, 64, 1000)] == [16_384]


def test_a_page_ends_before_a_set_that_is_larger_than_allowed(db: sqlite3.Connection) -> None:
    log = ShopLog()
    leaves = [listing(number) for number in range(100)]
    commits = [*beginning(), log.add(), log.add(), log.add(*leaves, size_bytes=50_000), log.add()]
    store(db, rows_of(commits).statements())
    size = len(log.sets[2].wire)
    for read in (read_sets, read_wires):
        assert [one.seq for one in read(db, 1, 0, 4, ALL, 10_000, size - 1)] == [1, 2]
        assert read(db, 1, 2, 4, ALL, 10_000, size - 1) == []
        assert [one.seq for one in read(db, 1, 2, 4, ALL, 10_000, size)] == [3]
        assert [one.seq for one in read(db, 1, 3, 4, ALL, 10_000, size - 1)] == [4]
