import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.store import index
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.messages import Leaf, SelectedPage, SelectedSet, Selection
from minirelay.store.selection import Selected
from tests.store import second_reading
from tests.store.examples import GUEST, OTHER_GUEST, ShopLog, beginning, listing, order
from tests.store.random_logs import logs, selections, store_log

LISTING, ORDER = ObjectType.LISTING, ObjectType.ORDER
ALL = 10**9

# The bounds as they are, and so tight that small logs meet each of them.
BOUNDS = [
    {},
    {"MAX_MERGED": 0},
    {"MAX_MERGED": 2, "MAX_CANDIDATES": 3, "MAX_SCANNED": 7, "MAX_LEAF_BYTES": 40},
    {"MAX_CANDIDATES": 1},
    {"MAX_SCANNED": 1},
    {"MAX_LEAF_BYTES": 0},
]


@pytest.fixture
def log(db: sqlite3.Connection) -> ShopLog:
    """300 sets: listing n in set n, besides that listing 1000 in every third, and an order in every tenth."""
    log = ShopLog()
    commits = beginning(cards=(1, GUEST, OTHER_GUEST))
    for number in range(1, 301):
        leaves = [listing(number)]
        if number % 3 == 0:
            leaves.append(listing(1000))
        if number % 10 == 0:
            leaves.append(order(number, GUEST if number % 20 else OTHER_GUEST))
        commits.append(log.add(*leaves))
    store(db, rows_of(commits).statements())
    return log


def read(
    db: sqlite3.Connection,
    *wanted: Selection,
    after: int = 0,
    upto: int = 300,
    max_patches: int = ALL,
    max_bytes: int = ALL,
) -> SelectedPage:
    sees = second_reading.sees(wanted)
    return index.read_selected(db, 1, wanted, sees, after, upto, max_patches, max_bytes)


def seqs(page: SelectedPage) -> list[int]:
    return [one.seq for one in page.sets]


@pytest.mark.parametrize("bounds", BOUNDS)
@settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    stored=logs,
    wanted=selections,
    after=st.integers(0, 20),
    upto=st.integers(0, 42),
    max_patches=st.integers(1, 20),
    max_bytes=st.integers(0, 2000),
)
def test_pages_together_are_what_a_full_scan_finds(
    shared: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    bounds: dict[str, int],
    stored: list[tuple[list[Leaf], int]],
    wanted: list[Selection],
    after: int,
    upto: int,
    max_patches: int,
    max_bytes: int,
) -> None:
    for name, value in bounds.items():
        monkeypatch.setattr(index, name, value)
    shop, sets = store_log(shared, stored)
    found: list[SelectedSet] = []
    cursor = after
    while cursor < upto:
        page = index.read_selected(
            shared, shop, wanted, second_reading.sees(wanted), cursor, upto, max_patches, max_bytes
        )
        assert cursor < page.through <= upto
        assert all(cursor < one.seq <= page.through for one in page.sets)
        if len(page.sets) > 1:
            assert sum(len(one.leaves) for one in page.sets) <= max_patches
            assert sum(len(one.wire) for one in page.sets) <= max_bytes
        found += page.sets
        cursor = page.through
    expected = second_reading.selected_sets(sets, wanted, after, upto)
    assert [(one.seq, one.leaves, one.wire) for one in found] == expected


def test_of_what_is_found_the_reader_decides_what_it_sees(db: sqlite3.Connection) -> None:
    log = ShopLog()
    own_and_other = log.add(order(1, GUEST), order(2, OTHER_GUEST))
    sets = [own_and_other, log.add(order(2, OTHER_GUEST)), log.add(order(1))]
    store(db, rows_of([*beginning(cards=(1, GUEST, OTHER_GUEST)), *sets]).statements())
    all_orders = [Selection(ORDER)]
    for wanted in (all_orders, [Selection(ORDER, None, OTHER_GUEST), Selection(ORDER, None, GUEST)]):
        page = index.read_selected(db, 1, wanted, lambda leaf: leaf.owner == GUEST, 0, 3, ALL, ALL)
        assert page == SelectedPage((SelectedSet(1, (0,), log.sets[0].wire),), 3)
    page = index.read_selected(db, 1, all_orders, lambda _: False, 0, 3, ALL, ALL)
    assert page == SelectedPage((), 3)


def test_a_single_object_is_found_wherever_it_is(db: sqlite3.Connection, log: ShopLog) -> None:
    for number in (1, 150, 300):
        page = read(db, Selection(LISTING, number.to_bytes(8, "big")))
        assert page == SelectedPage((SelectedSet(number, (0,), log.sets[number - 1].wire),), 300)


def test_what_overlaps_is_given_once(db: sqlite3.Connection, log: ShopLog) -> None:
    both = (Selection(LISTING, (3).to_bytes(8, "big")), Selection(LISTING, (1000).to_bytes(8, "big")))
    page = read(db, *both, *both, upto=6)
    assert [(one.seq, one.leaves) for one in page.sets] == [(3, (0, 1)), (6, (1,))]
    own = (Selection(ORDER, None, GUEST), Selection(ORDER, (10).to_bytes(8, "big")))
    assert [(one.seq, one.leaves) for one in read(db, *own, upto=30).sets] == [(10, (1,)), (30, (2,))]


def test_a_guest_gets_its_own_orders_only(db: sqlite3.Connection, log: ShopLog) -> None:
    assert seqs(read(db, Selection(ORDER, None, GUEST))) == list(range(10, 301, 20))
    assert seqs(read(db, Selection(ORDER, None, OTHER_GUEST))) == list(range(20, 301, 20))
    assert seqs(read(db, Selection(ORDER, (10).to_bytes(8, "big"), OTHER_GUEST))) == []
    assert seqs(read(db, Selection(ORDER, (10).to_bytes(8, "big"), GUEST))) == [10]


def test_an_order_id_used_again_belongs_to_each_creator_in_turn(db: sqlite3.Connection) -> None:
    log = ShopLog()
    owners = [GUEST, GUEST, OTHER_GUEST, OTHER_GUEST, 0]
    commits = beginning(cards=(1, GUEST, OTHER_GUEST))
    store(db, rows_of([*commits, *[log.add(order(5, owner)) for owner in owners]]).statements())
    five = (5).to_bytes(8, "big")
    assert seqs(read(db, Selection(ORDER, five, GUEST), upto=5)) == [1, 2]
    assert seqs(read(db, Selection(ORDER, None, OTHER_GUEST), upto=5)) == [3, 4]
    assert seqs(read(db, Selection(ORDER, five), upto=5)) == [1, 2, 3, 4, 5]


def test_pages_end_at_the_end_that_the_caller_knows(db: sqlite3.Connection, log: ShopLog) -> None:
    every_third = Selection(LISTING, (1000).to_bytes(8, "big"))
    page = read(db, every_third, after=3, upto=10)
    assert seqs(page) == [6, 9]
    assert page.through == 10
    assert read(db, every_third, after=9, upto=11) == SelectedPage((), 11)
    assert read(db, after=0, upto=300) == SelectedPage((), 300)
    assert read(db, every_third, after=300, upto=300) == SelectedPage((), 300)


def test_a_page_is_cut_where_its_limits_are_reached(db: sqlite3.Connection, log: ShopLog) -> None:
    listings = Selection(LISTING)
    # Sets 1 to 3 hold 1 + 1 + 2 listings; 300 bytes each.
    assert seqs(read(db, listings, max_patches=4)) == [1, 2, 3]
    assert seqs(read(db, listings, max_patches=3)) == [1, 2]
    assert seqs(read(db, listings, max_bytes=899)) == [1, 2]
    assert seqs(read(db, listings, after=2, max_patches=1)) == [3]
    assert seqs(read(db, listings, max_bytes=0)) == [1]
    assert read(db, listings, max_patches=3).through == 2


def test_one_call_looks_at_a_bounded_stretch(
    db: sqlite3.Connection, log: ShopLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "MAX_SCANNED", 100)
    assert read(db, Selection(ObjectType.TAG)) == SelectedPage((), 100)
    monkeypatch.setattr(index, "MAX_CANDIDATES", 20)
    assert read(db, Selection(ObjectType.LISTING)).through == 20


def plan(db: sqlite3.Connection, *wanted: Selection) -> str:
    """Explain the lookup of the index for these selections."""
    sql, values = index.index_query(Selected.of(wanted))
    where = {"shop": 1, "base": 0, "after": 0, "last": 300, "limit": 10} | values
    return "\n".join(row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, where))


def test_lookups_go_through_the_index_in_order_and_never_sort(db: sqlite3.Connection) -> None:
    one, two = Selection(LISTING, b"a"), Selection(LISTING, b"b")
    own, own_order = Selection(ORDER, None, GUEST), Selection(ORDER, b"o", OTHER_GUEST)
    for wanted in ([one], [own], [own_order], [one, two, own, own_order]):
        explained = plan(db, *wanted)
        assert "SCAN patch_index" not in explained
        assert "TEMP B-TREE" not in explained
    assert "patch_index_by_owner" in plan(db, own)
    assert "PRIMARY KEY (shop=? AND object_type=? AND object_id=? AND seq>? AND seq<?)" in plan(db, own_order)
    assert "MERGE (UNION)" in plan(db, one, two)


def test_a_scan_by_type_does_not_sort(db: sqlite3.Connection) -> None:
    where = {"shop": 1, "types": 2, "log": 0, "after": 0, "last": 300, "scanned": 9, "limit": 10}
    rows = db.execute("EXPLAIN QUERY PLAN " + index.BY_TYPE, where).fetchall()
    assert not [row for row in rows if "TEMP B-TREE" in row[3]]


def test_selections_can_be_many(db: sqlite3.Connection, log: ShopLog) -> None:
    wanted = [Selection(LISTING, number.to_bytes(8, "big")) for number in range(5, 3000, 5)]
    page = read(db, *wanted)
    assert seqs(page) == sorted({*range(5, 301, 5), *range(3, 301, 3)})
    assert page.through == 300


def test_an_owner_of_anything_but_orders_is_a_mistake(db: sqlite3.Connection) -> None:
    with pytest.raises(ValueError, match="LISTING"):
        read(db, Selection(LISTING, None, GUEST))


def test_a_page_ends_before_a_set_that_is_larger_than_allowed(db: sqlite3.Connection) -> None:
    log = ShopLog()
    large = [listing(number) for number in range(100)]
    adds = [log.add(listing(1)), log.add(listing(2)), log.add(*large, size_bytes=50_000), log.add(listing(1))]
    store(db, rows_of([*beginning(), *adds]).statements())
    size = len(log.sets[2].wire)

    def read_after(after: int, most: int) -> tuple[list[int], int]:
        one = [Selection(LISTING, bytes(7) + b"\1")]
        page = index.read_selected(db, 1, one, second_reading.sees(one), after, 4, ALL, 10_000, most)
        return seqs(page), page.through

    assert read_after(0, size - 1) == ([1], 1)
    # It comes no further, and that is how the reader knows.
    assert read_after(1, size - 1) == ([], 2)
    assert read_after(2, size - 1) == ([], 2)
    assert read_after(2, size) == ([3], 3)
    assert read_after(3, size - 1) == ([4], 4)
