"""How many blocks are asked for at once."""

import pytest

from minirelay.chain.log_ranges import (
    BLOCKS_TOGETHER,
    FIRST_BLOCKS,
    GROW_AFTER,
    LONGEST_GROW_AFTER,
    MOST_BLOCKS,
    MOST_RANGES,
    LogRanges,
)


def refuse_down_to(ranges: LogRanges, limit: int) -> int:
    """Refuse as an endpoint does that gives so many blocks at once. Gives how often it refused."""
    refusals = 0
    while ranges.blocks("a") > limit:
        ranges.refuse("a", ranges.blocks("a"))
        refusals += 1
    return refusals


def test_what_was_refused_is_halved_for_that_endpoint() -> None:
    ranges = LogRanges()
    ranges.refuse("a", FIRST_BLOCKS)
    assert (ranges.blocks("a"), ranges.blocks("b")) == (FIRST_BLOCKS // 2, FIRST_BLOCKS)
    ranges.refuse("a", 10)
    assert ranges.blocks("a") == 5
    ranges.refuse("a", 100)
    assert ranges.blocks("a") == 5


@pytest.mark.parametrize("limit", [10_000, 500, 10, 5, 1])
def test_every_limit_is_found_in_few_requests(limit: int) -> None:
    ranges = LogRanges()
    assert refuse_down_to(ranges, limit) <= 10
    assert 1 <= ranges.blocks("a") <= limit


def test_it_is_never_less_than_one_block() -> None:
    ranges = LogRanges()
    ranges.refuse("a", 1)
    assert ranges.blocks("a") == 1


def test_it_grows_slowly_when_all_of_it_is_given() -> None:
    ranges = LogRanges()
    for _ in range(GROW_AFTER - 1):
        ranges.give("a", FIRST_BLOCKS)
        ranges.give("a", FIRST_BLOCKS - 1)
    assert ranges.blocks("a") == FIRST_BLOCKS
    ranges.give("a", FIRST_BLOCKS)
    assert FIRST_BLOCKS < ranges.blocks("a") <= FIRST_BLOCKS * 5 // 4


def test_it_grows_from_one_block_and_up_to_the_most() -> None:
    ranges = LogRanges()
    refuse_down_to(ranges, 1)
    for _ in range(2**20):
        ranges.give("a", ranges.blocks("a"))
    assert ranges.blocks("a") == MOST_BLOCKS


def given_before_it_grows(ranges: LogRanges) -> int:
    size, given = ranges.blocks("a"), 0
    while ranges.blocks("a") == size:
        ranges.give("a", size)
        given += 1
    return given


def test_the_more_it_was_refused_the_more_slowly_it_grows() -> None:
    ranges, needed = LogRanges(), []
    for _ in range(20):
        ranges.refuse("a", ranges.blocks("a"))
        needed.append(given_before_it_grows(ranges))
    assert needed[:3] == [2 * GROW_AFTER, 4 * GROW_AFTER, 8 * GROW_AFTER]
    assert needed[-1] == LONGEST_GROW_AFTER


def test_a_refusal_begins_the_count_anew() -> None:
    ranges = LogRanges()
    for _ in range(GROW_AFTER - 1):
        ranges.give("a", FIRST_BLOCKS)
    ranges.refuse("a", FIRST_BLOCKS)
    assert given_before_it_grows(ranges) == 2 * GROW_AFTER


@pytest.mark.parametrize("limit", [1, 3, 64, 1000])
@pytest.mark.parametrize("length", [1, 2, 65, 5000])
def test_a_stretch_is_cut_without_gaps_the_oldest_first(limit: int, length: int) -> None:
    ranges = LogRanges()
    ranges.refuse("a", 2 * limit)
    assert ranges.blocks("a") == limit
    cut = ranges.split("a", 100, 99 + length)
    covered = [number for first, last in cut for number in range(first, last + 1)]
    assert covered == list(range(100, 100 + len(covered)))
    assert all(last - first < limit for first, last in cut)
    assert len(cut) <= MOST_RANGES
    assert len(covered) <= max(limit, BLOCKS_TOGETHER)
    is_cut_short = len(covered) < length
    assert not is_cut_short or len(cut) == min(MOST_RANGES, max(1, BLOCKS_TOGETHER // limit))


def test_fewer_ranges_are_asked_for_where_requests_run_out_and_more_again_slowly() -> None:
    ranges = LogRanges()
    refuse_down_to(ranges, 1)
    ranges.cut_short("a", MOST_RANGES)
    assert ranges.together("a") == MOST_RANGES // 2
    for _ in range(10):
        ranges.cut_short("a", ranges.together("a"))
    assert ranges.split("a", 1, 100) == [(1, 1)]
    given_before_it_grows(ranges)
    assert ranges.together("a") == 2
