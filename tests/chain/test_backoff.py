"""How long a failing endpoint is left alone."""

from datetime import UTC, datetime

import pytest

from minirelay.chain.backoff import LONGEST_BACKOFF_S, LONGEST_WISH_S, Backoff, retry_after
from minirelay.chain.errors import EndpointFailure

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("0", 0),
        (" 20 ", 20),
        ("9" * 400, LONGEST_WISH_S),
        ("Sun, 01 Jun 2025 12:00:30 GMT", 30),
        ("Sun, 01 Jun 2025 11:00:00 GMT", 0),
        ("Sun, 01 Jun 2035 12:00:30 GMT", LONGEST_WISH_S),
        ("Sun, 01 Jun 2025 12:00:30 -0000", 30),
        ("Sun, 99 Jun 2025 12:00:30 GMT", None),
        ("٣", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 9999 00:00:00 GMT", LONGEST_WISH_S),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_WISH_S),
        ("Sun, 01 Jun 2025 12:00:30 GMT" + " " * 50 + "GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_rests_grow_up_to_a_bound() -> None:
    rest, now, rests = Backoff(), 100.0, []
    for _ in range(10):
        rest.begin(now, EndpointFailure("x"), now, 1.0)
        rests.append(rest.left(now))
        now += rest.left(now)
        assert rest.left(now) == 0
    assert rests == [1, 2, 4, 8, 16, 32, 64, LONGEST_BACKOFF_S, LONGEST_BACKOFF_S, LONGEST_BACKOFF_S]


def test_rests_vary_by_half() -> None:
    short, long = Backoff(), Backoff()
    short.begin(0.0, EndpointFailure("x"), 0.0, 0.0)
    long.begin(0.0, EndpointFailure("x"), 0.0, 1.0)
    assert (short.left(0.0), long.left(0.0)) == (0.5, 1.0)


def test_a_wish_is_honoured_if_it_is_longer() -> None:
    rest = Backoff()
    rest.begin(0.0, EndpointFailure("x", 30.0), 0.0, 1.0)
    assert rest.left(0.0) == 30
    rest = Backoff()
    rest.begin(0.0, EndpointFailure("x", 0.1), 0.0, 1.0)
    assert rest.left(0.0) == 1


def test_what_was_under_way_when_it_failed_does_not_count_again() -> None:
    rest = Backoff()
    for asked_at in (5.0, 6.0, 7.0):
        rest.begin(10.0, EndpointFailure("x"), asked_at, 1.0)
    assert rest.left(10.0) == 1
    rest.begin(11.0, EndpointFailure("x"), 11.0, 1.0)
    assert rest.left(11.0) == 2


def test_working_again_ends_the_rest() -> None:
    rest = Backoff()
    for _ in range(5):
        rest.begin(0.0, EndpointFailure("x"), 0.0, 1.0)
    rest.end(0.0)
    assert rest.left(0.0) == 0
    assert rest.reason == ""
    rest.begin(0.0, EndpointFailure("y"), 0.0, 1.0)
    assert (rest.left(0.0), rest.reason) == (1, "y")


def test_who_answers_wrong_is_not_trusted_for_the_next_answer() -> None:
    backoff = Backoff()
    now = 100.0
    for rest_s in (1, 2, 4):
        backoff.begin(now, EndpointFailure("its head went back"), now, 1.0, answers=True)
        assert backoff.left(now) == rest_s
        now += rest_s
        backoff.end(now)
        assert not backoff.reason
    # It is trusted again once it has answered for as long as it rested.
    backoff.end(now + 4)
    backoff.begin(now + 5, EndpointFailure("its head went back"), now + 5, 1.0, answers=True)
    assert backoff.left(now + 5) == 1


def test_what_was_under_way_does_not_end_the_rest_of_who_answers_wrong() -> None:
    backoff = Backoff()
    backoff.begin(0.0, EndpointFailure("its head went back"), 0.0, 1.0, answers=True)
    backoff.end(0.5)
    assert backoff.reason
    assert backoff.left(0.5) == 0.5
