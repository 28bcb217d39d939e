import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.counts import count_selected
from minirelay.store.messages import Leaf, Selection
from tests.store import second_reading
from tests.store.examples import GUEST, ShopLog, beginning, listing, order
from tests.store.random_logs import logs, selections, store_log

LISTING, ORDER = ObjectType.LISTING, ObjectType.ORDER


@settings(derandomize=True, max_examples=200, deadline=None)
@given(stored=logs, wanted=selections, after=st.integers(0, 42), upto=st.integers(0, 42))
def test_the_count_is_that_of_a_full_scan(
    shared: sqlite3.Connection,
    stored: list[tuple[list[Leaf], int]],
    wanted: list[Selection],
    after: int,
    upto: int,
) -> None:
    shop, sets = store_log(shared, stored)
    expected = sum(len(leaves) for _, leaves, _ in second_reading.selected_sets(sets, wanted, after, upto))
    assert count_selected(shared, shop, wanted, after, upto) == expected


def test_a_patch_of_several_selections_counts_once(db: sqlite3.Connection) -> None:
    log = ShopLog()
    commits = beginning(cards=(1, GUEST))
    store(db, rows_of([*commits, log.add(order(1, GUEST), order(2, GUEST), listing(1))]).statements())
    one = (1).to_bytes(8, "big")
    own, single, own_single = (
        Selection(ORDER, None, GUEST),
        Selection(ORDER, one),
        Selection(ORDER, one, GUEST),
    )
    assert count_selected(db, 1, [own, single, own_single, single], 0, 1) == 2
    assert count_selected(db, 1, [single, own_single], 0, 1) == 1
    assert count_selected(db, 1, [Selection(ORDER), own, single], 0, 1) == 2
    assert count_selected(db, 1, [Selection(ORDER), Selection(LISTING, one)], 0, 1) == 3
    assert count_selected(db, 1, [], 0, 1) == 0


@pytest.mark.parametrize("many", [1, 2, 8, 9, 63, 64, 65, 500])
def test_any_number_of_objects_can_be_counted(db: sqlite3.Connection, many: int) -> None:
    log = ShopLog()
    store(db, rows_of([*beginning(), *[log.add(listing(number)) for number in range(200)]]).statements())
    wanted = [Selection(LISTING, number.to_bytes(8, "big")) for number in range(many)]
    assert count_selected(db, 1, wanted, 0, 200) == min(many, 200)
    assert count_selected(db, 1, wanted, 1, 200) == min(many, 200) - 1


def test_an_owner_of_anything_but_orders_is_a_mistake(db: sqlite3.Connection) -> None:
    with pytest.raises(ValueError, match="LISTING"):
        count_selected(db, 1, [Selection(LISTING, b"id", GUEST)], 0, 1)
