"""The blocks that were polled, thinned with age."""

from collections.abc import Iterable

import pytest

from minirelay.chain.block import Block
from minirelay.chain.head_history import KEPT_ALL, MOST, SPACING, SPAN, HeadHistory


def block(number: int, fork: int = 0) -> Block:
    named, parent = (bytes([fork]) * 28 + one.to_bytes(4, "big") for one in (number, max(0, number - 1)))
    return Block(number, named, parent, 1_000_000 + 12 * number)


def history(numbers: Iterable[int]) -> HeadHistory:
    return HeadHistory(tuple(map(block, numbers)))


def numbers(heads: HeadHistory) -> list[int]:
    return [one.number for one in heads.blocks]


def test_an_empty_history_knows_nothing() -> None:
    empty = HeadHistory()
    assert (empty.newest, empty.at(0), empty.newest_up_to(10), empty.newest_before(2**40)) == (None,) * 4
    assert empty.thinned(5) == empty.without_above(3) == empty


def test_blocks_are_found_by_number_and_by_time() -> None:
    heads = history([3, 7, 9])
    assert heads.newest == heads.at(9) == block(9)
    assert heads.at(8) is None
    assert heads.newest_up_to(8) == heads.newest_up_to(7) == block(7)
    assert heads.newest_up_to(2) is None
    assert heads.newest_before(block(9).timestamp - 1) == heads.newest_before(block(7).timestamp) == block(7)
    assert heads.newest_before(block(3).timestamp - 1) is None


def test_blocks_are_added_in_their_place_and_once() -> None:
    heads = history([3, 9]).add(block(7)).add(block(12)).add(block(1))
    assert numbers(heads) == [1, 3, 7, 9, 12]
    assert heads.add(block(7)) is heads


def test_a_reorganisation_forgets_what_is_above_it() -> None:
    heads = history([3, 7, 9])
    assert numbers(heads.without_above(8)) == [3, 7]
    assert numbers(heads.without_above(7)) == [3, 7]
    assert numbers(heads.without_above(2)) == []
    assert heads.without_above(9) is heads


def test_the_newest_are_all_kept_then_one_in_so_many() -> None:
    heads = history(range(1, 501)).thinned(-1)
    recent = list(range(501 - KEPT_ALL, 501))
    assert numbers(heads)[-KEPT_ALL:] == recent
    old = numbers(heads)[:-KEPT_ALL]
    assert old == list(range(1, recent[0], SPACING))


def test_thinning_again_and_again_keeps_what_thinning_once_does() -> None:
    one_by_one = HeadHistory()
    for number in range(1, 901):
        one_by_one = one_by_one.add(block(number)).thinned(-1)
    assert numbers(one_by_one) == numbers(history(range(1, 901)).thinned(-1))


def test_blocks_that_are_far_apart_are_kept_as_they_are() -> None:
    far = range(1, 100 * SPACING, SPACING)
    assert numbers(history(far).thinned(1)) == list(far)


def test_it_goes_back_to_the_newest_final_block() -> None:
    heads = history(range(1, 501))
    assert numbers(heads.thinned(480))[0] == 480
    spaced = HeadHistory(tuple(map(block, [10, 300, 450, 470, 500])))
    assert numbers(spaced.thinned(460)) == [450, 470, 500]
    assert numbers(spaced.thinned(9)) == [10, 300, 450, 470, 500]


def test_without_a_final_block_it_goes_back_so_far() -> None:
    newest = 10_000
    heads = history([1, newest - SPAN - 1, newest - SPAN, newest]).thinned(-1)
    assert numbers(heads) == [newest - SPAN, newest]


def test_what_is_asked_for_stays() -> None:
    kept = history(range(1, 501)).thinned(-1, kept=[7, 40])
    assert {7, 40} <= set(numbers(kept))


@pytest.mark.parametrize("apart", [1, SPACING, 10 * SPACING])
def test_it_has_a_bound_however_long_no_block_gets_final(apart: int) -> None:
    heads = history(range(5, 5 + apart * 3 * MOST, apart)).thinned(5)
    assert len(heads.blocks) <= MOST
    assert heads.newest == block(5 + apart * (3 * MOST - 1))
