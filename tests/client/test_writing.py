import time

import pytest

from minirelay.client.writing import MAX_NONCE, Nonces


def test_nonces_are_the_time_in_microseconds() -> None:
    before = time.time_ns() // 1000
    assert before <= Nonces().next() <= time.time_ns() // 1000


def test_nonces_grow_when_the_clock_does_not() -> None:
    nonces = Nonces(clock=lambda: 5)
    assert [nonces.next() for _ in range(3)] == [5, 6, 7]


def test_nonces_grow_when_the_clock_goes_back() -> None:
    times = iter([100, 7, 300])
    nonces = Nonces(clock=lambda: next(times))
    assert [nonces.next() for _ in range(3)] == [100, 101, 300]


def test_a_nonce_that_came_by_is_not_used_again() -> None:
    nonces = Nonces(clock=lambda: 5)
    nonces.observe(90)
    nonces.observe(40)
    assert nonces.last == 90
    assert nonces.next() == 91


def test_counting_may_begin_anywhere_and_then_leaves_the_clock_alone() -> None:
    nonces = Nonces(first=1)
    assert [nonces.next() for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("first", [0, -1, MAX_NONCE + 1])
def test_counting_does_not_begin_where_no_nonce_is(first: int) -> None:
    with pytest.raises(ValueError, match="between 1 and"):
        Nonces(first=first)


def test_nonces_run_out_rather_than_over() -> None:
    nonces = Nonces(first=MAX_NONCE)
    assert nonces.next() == MAX_NONCE
    with pytest.raises(ValueError, match="used up"):
        nonces.next()
