"""The stopwatch counts what is done, not what is waited for."""

import time

from minirelay.bench.stopwatch import time_each


def test_every_input_is_worked_on_in_every_pass() -> None:
    seen: list[int] = []
    assert time_each(seen.append, [1, 2, 3], 0.0) >= 0
    assert seen == [1, 2, 3] * 3


def test_more_work_takes_longer() -> None:
    little = time_each(lambda turns: sum(range(turns)), [100] * 20, 0.02)
    much = time_each(lambda turns: sum(range(turns)), [100_000] * 20, 0.02)
    assert much > little * 10


def test_waiting_is_no_work() -> None:
    assert time_each(lambda _: time.sleep(0.01), [1], 0.0) < 5000
