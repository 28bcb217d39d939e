"""The gaps of restores: no number is given out twice, and reading goes over them as if there were none."""

import sqlite3
from collections.abc import Callable, Iterable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minirelay.protocol.gaps import GAP_STEP, number_after_restore
from minirelay.store import index
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.counts import count_selected
from minirelay.store.errors import StoreUnavailable
from minirelay.store.gaps import count_sets, gap_around, read_gaps, treat_as_restored
from minirelay.store.index import read_selected
from minirelay.store.log import read_counts, read_sets, read_tail, read_wires
from minirelay.store.messages import (
    EMPTY_COUNTS,
    MAX_SEQ,
    NEW_SHOPS,
    Gap,
    Leaf,
    Selection,
    StoredSet,
    WireSet,
)
from minirelay.store.shops import find_shop_of_row
from minirelay.store.writes import Commit
from tests.store import second_reading
from tests.store.examples import ShopLog, beginning, shop_row
from tests.store.random_logs import logs, selections

NOON = 1_800_000_000
"""A full minute, in unix seconds."""
NUMBER = number_after_restore(0, NOON)
ALL = 10**9

Stretch = tuple[list[tuple[list[Leaf], int]], int]


def put(db: sqlite3.Connection, *commits: Commit) -> None:
    store(db, rows_of(commits).statements())


def shop_of(db: sqlite3.Connection, sets: int, shop: int = 1) -> ShopLog:
    """Store a shop with so many sets."""
    log = ShopLog(shop)
    put(db, *beginning(shop, cards=()), *[log.add() for _ in range(sets)])
    return log


def go_on(db: sqlite3.Connection, log: ShopLog, seq: int) -> None:
    """Store the next set, under a number."""
    log.seq = seq - 1
    put(db, log.add())


class TestRestoring:
    def test_a_log_goes_on_behind_its_gap_and_so_do_the_relays_nonces(self, db: sqlite3.Connection) -> None:
        log = shop_of(db, 22)
        treat_as_restored(db, NOON)
        assert read_gaps(db, 1) == (Gap(22, NUMBER),)
        row = find_shop_of_row(db, 1)
        assert row is not None
        assert row.relay_nonce == NUMBER - 1
        go_on(db, log, NUMBER)
        go_on(db, log, NUMBER + 1)
        assert read_tail(db, 1) == (NUMBER + 1, log.counts)

    @pytest.mark.parametrize("seq", [23, NUMBER + GAP_STEP, NUMBER - 1, NUMBER + 1])
    def test_no_other_number_is_taken(self, db: sqlite3.Connection, seq: int) -> None:
        log = shop_of(db, 22)
        treat_as_restored(db, NOON)
        before = list(db.iterdump())
        with pytest.raises(sqlite3.IntegrityError, match="a gap in the log"):
            go_on(db, log, seq)
        assert list(db.iterdump()) == before

    def test_a_log_without_a_gap_does_not_jump(self, db: sqlite3.Connection) -> None:
        log = shop_of(db, 22)
        with pytest.raises(sqlite3.IntegrityError, match="a gap in the log"):
            go_on(db, log, GAP_STEP)
        shop_of(db, 5, shop=2)
        treat_as_restored(db, NOON, shops=[2])
        with pytest.raises(sqlite3.IntegrityError, match="a gap in the log"):
            go_on(db, log, NUMBER)

    def test_a_second_restore_of_the_same_end_gives_another_number(self, db: sqlite3.Connection) -> None:
        shop_of(db, 22)
        for number in (NUMBER, NUMBER + GAP_STEP, NUMBER + 2 * GAP_STEP):
            # All within one minute: what was decided on before may have been told.
            treat_as_restored(db, NOON)
            assert read_gaps(db, 1) == (Gap(22, number),)
        treat_as_restored(db, NOON + 3600)
        assert read_gaps(db, 1) == (Gap(22, NUMBER + 60 * GAP_STEP),)

    def test_a_second_gap_comes_behind_the_first(self, db: sqlite3.Connection) -> None:
        log = shop_of(db, 22)
        treat_as_restored(db, NOON)
        go_on(db, log, NUMBER)
        treat_as_restored(db, NOON)
        assert read_gaps(db, 1) == (Gap(22, NUMBER), Gap(NUMBER, NUMBER + GAP_STEP))
        go_on(db, log, NUMBER + GAP_STEP)
        assert read_sets(db, 1, 0, MAX_SEQ, ALL, ALL) == log.sets[:22]
        assert read_sets(db, 1, 22, MAX_SEQ, ALL, ALL) == log.sets[22:23]
        assert read_sets(db, 1, NUMBER, MAX_SEQ, ALL, ALL) == log.sets[23:]

    def test_what_is_known_to_have_been_told_is_not_given_out_again(self, db: sqlite3.Connection) -> None:
        shop_of(db, 22)
        shop_of(db, 3, shop=2)
        treat_as_restored(db, NOON, told={shop_row(1).shop_id: NUMBER + 5, 77: NUMBER + GAP_STEP})
        assert read_gaps(db, 1) == (Gap(22, NUMBER + GAP_STEP),)
        assert read_gaps(db, 2) == (Gap(3, NUMBER),)
        assert read_gaps(db, NEW_SHOPS) == (Gap(0, NUMBER + 2 * GAP_STEP),)

    def test_a_shop_that_comes_into_being_later_may_have_been_there_before(
        self, db: sqlite3.Connection
    ) -> None:
        treat_as_restored(db, NOON)
        put(db, *beginning(cards=()))
        assert read_gaps(db, 1) == (Gap(0, NUMBER),)
        log = ShopLog()
        with pytest.raises(sqlite3.IntegrityError, match="a gap in the log"):
            go_on(db, log, 1)
        log = ShopLog()
        go_on(db, log, NUMBER)
        assert read_sets(db, 1, 0, MAX_SEQ, ALL, ALL) == log.sets

    def test_single_shops_can_be_restored(self, db: sqlite3.Connection) -> None:
        for shop in (1, 2, 3):
            shop_of(db, 4, shop)
        treat_as_restored(db, NOON, shops=[2])
        assert [read_gaps(db, shop) for shop in (1, 2, 3, NEW_SHOPS)] == [(), (Gap(4, NUMBER),), (), ()]

    def test_the_relays_nonces_never_go_back(self, db: sqlite3.Connection) -> None:
        put(db, *beginning(cards=()), Commit(epoch=0, shop=1, relay_nonce=2**50))
        treat_as_restored(db, NOON)
        row = find_shop_of_row(db, 1)
        assert row is not None
        assert row.relay_nonce == 2**50

    def test_a_clock_beyond_the_numbers_changes_nothing(self, db: sqlite3.Connection) -> None:
        shop_of(db, 22)
        with pytest.raises(StoreUnavailable, match="clock"):
            treat_as_restored(db, 60 * 2**26)
        assert read_gaps(db, 1) == ()
        assert not db.in_transaction

    def test_many_shops_are_one_transaction(self, db: sqlite3.Connection) -> None:
        put(db, *[Commit(epoch=0, shop=shop, new_shop=shop_row(shop)) for shop in range(1, 10_001)])
        begun: list[str] = []
        db.set_trace_callback(lambda sql: begun.append(sql) if sql.startswith("BEGIN") else None)
        treat_as_restored(db, NOON)
        assert len(begun) == 1
        assert db.execute("SELECT count(*) FROM gap").fetchone() == (10_001,)


def next_number(seq: int, gaps: Iterable[Gap]) -> int:
    """Return the number of the set right behind another one; 0: of the first one."""
    return next((gap.next for gap in gaps if gap.after == seq), seq + 1)


def test_numbers_and_gaps() -> None:
    gaps = (Gap(22, NUMBER), Gap(NUMBER + 1, NUMBER + GAP_STEP))
    outside = [0, 1, 22, NUMBER, NUMBER + 1, NUMBER + GAP_STEP, MAX_SEQ]
    assert [gap_around(seq, gaps) for seq in outside] == [None] * len(outside)
    assert [gap_around(seq, gaps) for seq in (23, NUMBER - 1)] == [gaps[0]] * 2
    assert [gap_around(seq, gaps) for seq in (NUMBER + 2, NUMBER + GAP_STEP - 1)] == [gaps[1]] * 2
    ends = (0, 22, NUMBER, NUMBER + 1, NUMBER + GAP_STEP)
    assert [count_sets(seq, gaps) for seq in ends] == [0, 22, 23, 24, 25]


class TestReading:
    """Over random logs with gaps, each compared with a full scan."""

    stretches = st.lists(st.tuples(logs, st.sampled_from([-NOON // 60, 0, 1, 2])), min_size=1, max_size=4)

    @settings(derandomize=True, max_examples=100, deadline=None)
    @given(
        stretches=stretches,
        draw=st.randoms(use_true_random=False),
        max_patches=st.one_of(st.integers(1, 30), st.just(ALL)),
        max_bytes=st.integers(0, 3000),
    )
    def test_pages_hold_everything_once_from_wherever_they_begin(
        self,
        shared: sqlite3.Connection,
        stretches: list[Stretch],
        draw: Random,
        max_patches: int,
        max_bytes: int,
    ) -> None:
        shop, sets, numbers = store_restored(shared, stretches)
        after, upto = draw.choice(numbers), draw.choice(numbers)
        expected = [one for one in sets if after < one.seq <= upto]
        pages = through(
            after, upto, lambda seq: read_sets(shared, shop, seq, upto, max_patches, max_bytes), expected
        )
        assert [one for page in pages for one in page] == expected
        for page in pages:
            # At least one set, and as much as fits, but for a page that ends at a gap.
            assert page == second_reading.page(sets, page[0].seq - 1, page[-1].seq, max_patches, max_bytes)
            wires = [WireSet(one.seq, len(one.leaves), one.wire) for one in page]
            assert read_wires(shared, shop, page[0].seq - 1, upto, max_patches, max_bytes) == wires
        ends = {one.seq for one in sets if next_number(one.seq, read_gaps(shared, shop)) != one.seq + 1}
        for page, following in pairwise(pages):
            both = second_reading.page(sets, page[0].seq - 1, following[0].seq, max_patches, max_bytes)
            assert both == page or page[-1].seq in ends

    @settings(
        derandomize=True,
        max_examples=100,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        stretches=stretches,
        wanted=selections,
        draw=st.randoms(use_true_random=False),
        scanned=st.sampled_from([1, 7, 16_384]),
        max_patches=st.integers(1, 20),
    )
    def test_what_is_selected_is_found_and_counted(
        self,
        shared: sqlite3.Connection,
        monkeypatch: pytest.MonkeyPatch,
        stretches: list[Stretch],
        wanted: list[Selection],
        draw: Random,
        scanned: int,
        max_patches: int,
    ) -> None:
        monkeypatch.setattr(index, "MAX_SCANNED", scanned)
        shop, sets, numbers = store_restored(shared, stretches)
        after, upto = draw.choice(numbers), draw.choice(numbers)
        expected = second_reading.selected_sets(sets, wanted, after, upto)
        found: list[tuple[int, tuple[int, ...], bytes]] = []
        calls, at = 0, after
        while at < upto:
            page = read_selected(
                shared, shop, wanted, second_reading.sees(wanted), at, upto, max_patches, 5000
            )
            found += [(one.seq, one.leaves, one.wire) for one in page.sets]
            assert at < page.through <= upto
            calls, at = calls + 1, page.through
        assert found == expected
        # Gaps of thousands of millions of numbers take no time.
        assert calls <= len(sets) + 2 * len(stretches) + 2
        assert count_selected(shared, shop, wanted, after, upto) == sum(
            len(leaves) for _, leaves, _ in expected
        )

    @settings(derandomize=True, max_examples=50, deadline=None)
    @given(stretches=stretches)
    def test_counts_stand_still_in_a_gap(self, shared: sqlite3.Connection, stretches: list[Stretch]) -> None:
        shop, sets, numbers = store_restored(shared, stretches)
        for seq in numbers:
            counts = [one.counts for one in sets if one.seq <= seq]
            assert read_counts(shared, shop, seq) == (counts[-1] if counts else EMPTY_COUNTS)
        gaps = read_gaps(shared, shop)
        assert [count_sets(one.seq, gaps) for one in sets] == list(range(1, len(sets) + 1))

    def test_a_page_behind_a_gap_looks_at_no_more_than_it_returns(self, db: sqlite3.Connection) -> None:
        log = shop_of(db, 22)
        treat_as_restored(db, NOON)
        go_on(db, log, NUMBER)
        put(db, *[log.add() for _ in range(3000)])
        steps = 0

        def count_steps() -> None:
            nonlocal steps
            steps += 1

        db.set_progress_handler(count_steps, 100)
        assert [one.seq for one in read_wires(db, 1, 22, MAX_SEQ, 8, 10**6)] == list(
            range(NUMBER, NUMBER + 8)
        )
        db.set_progress_handler(None, 0)
        assert steps < 20

    def test_a_jump_that_is_no_gap_of_a_restore_is_noticed(self, db: sqlite3.Connection) -> None:
        log = shop_of(db, 22)
        treat_as_restored(db, NOON)
        go_on(db, log, NUMBER)
        go_on(db, log, NUMBER + 1)
        db.execute("DELETE FROM patch_set WHERE position & 0xffffffffff = ?", (NUMBER,))
        for read in (read_sets, read_wires):
            with pytest.raises(StoreUnavailable, match=f"gap between {NUMBER - 1} and {NUMBER + 1}"):
                read(db, 1, 22, MAX_SEQ, ALL, ALL)
        db.execute("DELETE FROM gap")
        assert read_sets(db, 1, 22, MAX_SEQ, ALL, ALL) == []


_restored_shops = iter(range(5_000_000, 6_000_000))


def store_restored(
    db: sqlite3.Connection, stretches: list[Stretch]
) -> tuple[int, list[StoredSet], list[int]]:
    """Store a log that was restored behind each stretch; give its shop, its sets and numbers worth a try."""
    shop = next(_restored_shops)
    log = ShopLog(shop)
    put(db, Commit(epoch=0, shop=shop, new_shop=shop_row(shop)))
    numbers = {0, 1}
    for stretch, minutes in stretches:
        put(db, *[log.add(*leaves, size_bytes=size) for leaves, size in stretch])
        treat_as_restored(db, NOON + 60 * minutes, shops=[shop])
        # The gap that there will be.
        log.seq = next_number(log.sets[-1].seq if log.sets else 0, read_gaps(db, shop)) - 1
        numbers |= {log.seq, log.seq + 1, max(0, log.seq - GAP_STEP)}
    numbers |= {one.seq + step for one in log.sets for step in (-1, 0, 1)}
    return shop, log.sets, sorted(numbers)


def through(
    after: int, upto: int, read: Callable[[int], list[StoredSet]], expected: list[StoredSet]
) -> list[list[StoredSet]]:
    """Read page after page as a subscription does: on from the last set of each."""
    pages: list[list[StoredSet]] = []
    while page := read(pages[-1][-1].seq if pages else after):
        pages.append(page)
        assert sum(map(len, pages)) <= len(expected)
    return pages
