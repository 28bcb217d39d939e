"""Runs of seconds against a plain set of them."""

from hypothesis import given
from hypothesis import strategies as st

from minirelay.shop.taken_seconds import TakenSeconds

SECONDS = st.integers(0, 40)


def first_free(taken: set[int], second: int) -> int:
    while second in taken:
        second += 1
    return second


@given(st.lists(SECONDS), SECONDS)
def test_the_first_free_second_is_that_of_a_set(seconds: list[int], start: int) -> None:
    taken = TakenSeconds()
    for second in seconds:
        taken.add(second)

    assert taken.first_free(start) == first_free(set(seconds), start)
    assert TakenSeconds(seconds).first_free(start) == first_free(set(seconds), start)


@given(st.lists(SECONDS), st.lists(SECONDS), SECONDS)
def test_seconds_taken_at_once_can_be_added_to(at_once: list[int], more: list[int], start: int) -> None:
    taken = TakenSeconds(at_once)
    for second in more:
        taken.add(second)

    assert taken.first_free(start) == first_free({*at_once, *more}, start)


@given(st.lists(SECONDS), SECONDS)
def test_what_is_dropped_lies_before(seconds: list[int], before: int) -> None:
    taken = TakenSeconds()
    for second in seconds:
        taken.add(second)
    has_left = taken.drop_before(before)

    for start in range(before, 45):
        assert taken.first_free(start) == first_free(set(seconds), start)
    assert has_left or not any(second >= before for second in seconds)


def test_seconds_taken_one_by_one_are_one_run() -> None:
    taken = TakenSeconds()
    for _ in range(10_000):
        taken.add(taken.first_free(100))

    assert taken.first_free(100) == 10_100
    assert taken.drop_before(10_099)
    assert not taken.drop_before(10_100)
