import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.protocol.gaps import GAP_STEP, may_follow, number_after_restore

NOON = 1_800_000_000
"""A full minute in 2027, in unix seconds."""
NUMBER = GAP_STEP * (NOON // 60)


def test_a_log_goes_on_with_the_minutes_of_its_restore() -> None:
    assert number_after_restore(22, NOON) == NUMBER == 491_520_000_000
    assert number_after_restore(0, NOON) == NUMBER


def test_a_later_restore_of_the_same_backup_gives_another_number() -> None:
    assert number_after_restore(22, NOON + 59) == NUMBER
    assert number_after_restore(22, NOON + 60) == NUMBER + GAP_STEP


@pytest.mark.parametrize("past", [0, 1, GAP_STEP - 1])
def test_a_log_that_is_ahead_of_the_clock_goes_on_with_the_next_multiple(past: int) -> None:
    assert number_after_restore(NUMBER + past, NOON) == NUMBER + GAP_STEP
    assert number_after_restore(past, 0) == GAP_STEP


def test_the_number_fits_40_bits_until_2097() -> None:
    last_minute_of_2096 = 4_007_836_740
    assert number_after_restore(2**30, last_minute_of_2096) < 2**40


@settings(derandomize=True)
@given(end=st.integers(0, 2**40), restored_at=st.integers(0, 2**33))
def test_no_number_is_given_out_again_and_a_reader_knows_the_gap(end: int, restored_at: int) -> None:
    number = number_after_restore(end, restored_at)
    assert number > end
    assert number % GAP_STEP == 0
    assert may_follow(number, end)


@pytest.mark.parametrize("seq", [22, 21, 0, -GAP_STEP, 24, GAP_STEP + 1, GAP_STEP - 1])
def test_any_other_jump_is_a_fault(seq: int) -> None:
    assert may_follow(23, 22)
    assert may_follow(5 * GAP_STEP, 22)
    assert not may_follow(seq, 22)
