"""The marks of a chain."""

from minirelay.chain.head_history import HeadHistory
from minirelay.chain.progress import Progress
from tests.chain.chain_values import block

HISTORY = HeadHistory((block(10), block(20), block(30)))
PROGRESS = Progress(HISTORY, scanned=30, deep=28, final=20, final_time=block(20).timestamp)


def test_going_back_takes_all_marks_along() -> None:
    assert PROGRESS.back_to(25) == Progress(
        HISTORY.without_above(25), scanned=25, deep=25, final=20, final_time=block(20).timestamp
    )


def test_going_back_beyond_what_was_final_takes_that_along() -> None:
    assert PROGRESS.back_to(15) == Progress(
        HISTORY.without_above(15), scanned=15, deep=15, final=10, final_time=block(10).timestamp
    )
    assert PROGRESS.back_to(5) == Progress(HeadHistory(), scanned=5, deep=5)
