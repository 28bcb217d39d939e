import logging
import sqlite3

import pytest

from minirelay.store.errors import DatabaseReplaced
from minirelay.store.failure_log import REPEAT_S, FailureLog

FULL = sqlite3.OperationalError("database or disk is full")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failures(clock: Clock) -> FailureLog:
    return FailureLog(logging.getLogger("minirelay.test"), clock)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int | None]]:
    return [(record.getMessage(), getattr(record, "failed", None)) for record in caplog.records]


def test_a_full_disk_is_one_line_however_many_writes_fail(
    failures: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(1000):
        failures.failed(FULL)
    assert lines(caplog) == [("a transaction failed: database or disk is full", None)]
    assert caplog.records[0].exc_info is None
    failures.stored()
    failures.stored()
    assert lines(caplog)[1:] == [("transactions are stored again", 1000)]


def test_while_it_goes_on_it_is_said_again_with_the_count(
    failures: FailureLog, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    for _ in range(3):
        for _ in range(10):
            failures.failed(FULL)
        clock.now += REPEAT_S
    assert [count for _, count in lines(caplog)] == [None, 11, 21]


def test_the_next_failure_after_a_success_is_said_at_once(
    failures: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    failures.failed(FULL)
    failures.stored()
    failures.failed(FULL)
    assert len(lines(caplog)) == 3


def test_a_bug_comes_with_its_traceback_and_the_world_without(
    failures: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    failures.failed(ValueError("not a sequence number"))
    failures.stored()
    failures.failed(DatabaseReplaced("gone"))
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False]
