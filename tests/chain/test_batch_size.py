"""How many questions at once: smaller after failures, larger again after a while."""

import pytest

from minirelay.chain.batch_size import FIRST_TRIAL_S, LONGEST_TRIAL_S, MAX_BATCH, BatchSize, smaller_than


@pytest.mark.parametrize(("failed", "size"), [(100, 10), (11, 10), (10, 3), (4, 3), (3, 1), (2, 1)])
def test_the_next_size_to_try(failed: int, size: int) -> None:
    assert smaller_than(failed) == size


def test_it_shrinks_and_is_remembered() -> None:
    batch = BatchSize()
    assert batch.current(0) == MAX_BATCH
    batch.shrink(100, 0)
    assert batch.current(1) == 10
    batch.shrink(7, 1)
    assert batch.current(2) == 3
    batch.shrink(3, 2)
    assert batch.current(3) == 1


def test_a_smaller_batch_that_fails_later_makes_it_no_larger() -> None:
    batch = BatchSize()
    batch.shrink(3, 0)
    batch.shrink(100, 0)
    assert batch.current(1) == 1


def test_it_grows_step_by_step() -> None:
    batch = BatchSize()
    batch.shrink(3, 0)
    assert batch.current(FIRST_TRIAL_S - 1) == 1
    assert batch.current(FIRST_TRIAL_S) == 3
    # Each time that a size fails it takes twice as long.
    assert batch.current(3 * FIRST_TRIAL_S - 1) == 3
    assert batch.current(3 * FIRST_TRIAL_S) == 10
    assert batch.current(5 * FIRST_TRIAL_S) == MAX_BATCH
    assert batch.current(10**9) == MAX_BATCH


def test_what_fails_again_and_again_is_seldom_tried() -> None:
    batch, now, trials = BatchSize(), 0.0, 0
    while now < 30 * LONGEST_TRIAL_S:
        if batch.current(now) == MAX_BATCH:
            trials += 1
            batch.shrink(MAX_BATCH, now)
        now += 60
    assert trials < 40
