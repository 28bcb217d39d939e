"""Of one place in the code a burst of lines, then one now and then with a count."""

import logging
import sys

import pytest

from minirelay.log_repeats import MAX_PLACES, MAX_TRACEBACKS, SELF_COUNTED, Repeats


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def repeats(clock: Clock) -> Repeats:
    return Repeats(4, 60, clock)


def record(
    line: int = 1, *, level: int = logging.WARNING, message: str = "said", error: Exception | None = None
) -> logging.LogRecord:
    exc_info = None
    if error is not None:
        try:
            raise error
        except type(error):
            exc_info = sys.exc_info()
    return logging.LogRecord("room", level, "file.py", line, message, None, exc_info)


def written(repeats: Repeats, times: int, **about: object) -> int:
    return sum(repeats.admit(record(**about)) for _ in range(times))  # type: ignore[arg-type]


def test_a_burst_then_one_per_interval_with_the_count(repeats: Repeats, clock: Clock) -> None:
    assert written(repeats, 100) == 4
    clock.now = 59
    assert written(repeats, 1) == 0
    clock.now = 60
    line = record()
    assert repeats.admit(line)
    assert line.__dict__["left_out"] == 97
    assert written(repeats, 1) == 0
    clock.now = 10_000
    line = record()
    assert repeats.admit(line)
    assert line.__dict__["left_out"] == 1
    assert "left_out" not in record().__dict__
    assert written(repeats, 100) == 3


def test_places_are_counted_apart_whatever_they_say(repeats: Repeats) -> None:
    assert sum(repeats.admit(record(message=f"stranger {number}")) for number in range(100)) == 4
    assert written(repeats, 100, line=2) == 4


def test_exceptions_are_told_apart_by_their_type_and_few_have_a_traceback(repeats: Repeats) -> None:
    for error in (ValueError("a"), KeyError("b")):
        assert written(repeats, 100, error=error) == MAX_TRACEBACKS


def test_events_that_are_no_warnings_may_come_more_often(repeats: Repeats, clock: Clock) -> None:
    assert written(repeats, 1000, level=logging.INFO) == 40
    clock.now = 5
    assert written(repeats, 1000, level=logging.INFO) == 5


def test_what_was_left_out_is_said_when_it_is_due(repeats: Repeats, clock: Clock) -> None:
    written(repeats, 10, error=ValueError("a"))
    assert list(repeats.due()) == []
    assert repeats.has_left_out
    clock.now = 60
    (line,) = repeats.due()
    assert (line.getMessage(), line.__dict__["left_out"]) == ("said", 7)
    assert line.exc_info is None
    assert not repeats.has_left_out
    assert list(repeats.due()) == []


def test_at_the_end_all_that_was_left_out_is_said(repeats: Repeats) -> None:
    written(repeats, 10)
    written(repeats, 11, line=2)
    assert [line.__dict__["left_out"] for line in repeats.rest()] == [6, 7]
    assert list(repeats.rest()) == []


def test_nothing_is_lost_between_lines_and_counts(repeats: Repeats, clock: Clock) -> None:
    lines = told = 0
    for step in range(1000):
        clock.now = step * 7.0
        line = record()
        if repeats.admit(line):
            lines += 1
            told += line.__dict__.get("left_out", 0)
        if step % 50 == 0:
            told += sum(line.__dict__["left_out"] for line in repeats.due())
    told += sum(line.__dict__["left_out"] for line in repeats.rest())
    assert lines + told == 1000


def test_lines_that_count_themselves_are_all_written(repeats: Repeats) -> None:
    for _ in range(100):
        line = record()
        vars(line).update(SELF_COUNTED)
        assert repeats.admit(line)


def test_what_is_remembered_is_bounded_and_holds_nothing(repeats: Repeats) -> None:
    for number in range(MAX_PLACES + 100):
        written(repeats, 1, line=number)
    assert repeats.place_count == MAX_PLACES
    line = logging.LogRecord("room", logging.ERROR, "file.py", 1, "said %s", ("a" * 100_000,), None)
    for _ in range(5):
        repeats.admit(line)
    (example,) = repeats.rest()
    assert len(example.getMessage()) <= 1024
    assert line.args
