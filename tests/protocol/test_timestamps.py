"""Times as text and as numbers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.timestamps import format_time, parse_time, time_from_epoch, whole_seconds

from .strategies import STEADY, times

MORNING = datetime(2025, 6, 1, 9, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-06-01T09:00:00Z",
        "2025-06-01t09:00:00z",
        "2025-06-01T09:00:00.999999999999Z",
        "2025-06-01T09:00:00+00:00",
        "2025-06-01T09:00:00-00:00",
        "2025-06-01T11:30:00.5+02:30",
        "2025-05-31T23:00:00-10:00",
        "2025-06-02T08:59:00+23:59",
    ],
)
def test_rfc_3339_is_read_as_whole_utc_seconds(text: str) -> None:
    time = parse_time(text)
    assert time == MORNING
    assert time.tzinfo is UTC
    assert time.microsecond == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-06-01",
        "2025-06-01T09:00:00",
        "2025-06-01 09:00:00Z",
        "2025-06-01T09:00Z",
        "2025-06-01T09:00:00.Z",
        "2025-06-01T09:00:00,5Z",
        "2025-06-01T09:00:00ZZ",
        "2025-06-01T09:00:00Z\n",
        " 2025-06-01T09:00:00Z",
        "2025-06-01T09:00:00+0000",
        "2025-06-01T09:00:00+00",
        "2025-06-01T09:00:00+24:00",
        "2025-06-01T09:00:00+00:60",
        "2025-06-01T24:00:00Z",
        "2025-06-01T23:60:00Z",
        "2025-06-01T23:59:60Z",
        "2025-02-29T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-01-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "+2025-01-01T00:00:00Z",
        "٢٠٢٥-06-01T09:00:00Z",
        "2025-W22-7T09:00:00Z",
        "20250601T090000Z",
    ],
)
def test_anything_but_rfc_3339_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput):
        parse_time(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9Z"])
def test_first_and_last_second_are_read(text: str) -> None:
    assert format_time(parse_time(text)) == text.replace(".9Z", "Z")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_years_are_bounded_after_the_zone_is_applied_too(text: str) -> None:
    with pytest.raises(MalformedInput):
        parse_time(text)


def test_a_leap_day_is_read() -> None:
    assert parse_time("2024-02-29T12:00:00Z") == datetime(2024, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [1748768400, 1748768400.0, 1748768400.999])
def test_epoch_seconds_lose_their_fraction(seconds: float) -> None:
    time = time_from_epoch(seconds)
    assert time == MORNING
    assert time.tzinfo is UTC


@pytest.mark.parametrize("seconds", [0, -0.0, 253_402_300_799, 253_402_300_799.5])
def test_epoch_begins_in_1970_and_ends_with_9999(seconds: float) -> None:
    assert time_from_epoch(seconds).year in (1970, 9999)


@pytest.mark.parametrize(
    "seconds",
    [-1, -0.25, 253_402_300_800, 253_402_300_800.0, 2**64, 1e300, float("nan"), float("inf"), -float("inf")],
)
def test_epoch_seconds_outside_are_refused(seconds: float) -> None:
    with pytest.raises(MalformedInput):
        time_from_epoch(seconds)


def test_writing_converts_to_utc_and_drops_the_fraction() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert format_time(datetime(2025, 6, 1, 14, 30, 0, 999_999, tzinfo=zone)) == "2025-06-01T09:00:00Z"


def test_years_are_written_with_four_digits() -> None:
    assert format_time(datetime(33, 4, 3, tzinfo=UTC)) == "0033-04-03T00:00:00Z"


def test_a_time_without_a_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2025, 6, 1))


@given(times)
@STEADY
def test_what_is_written_is_read_again(time: datetime) -> None:
    assert parse_time(format_time(time)) == time


@given(times, st.integers(-23 * 60, 23 * 60))
@STEADY
def test_every_zone_means_the_same_moment(time: datetime, minutes: int) -> None:
    local = time.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_time(local.isoformat()) == time


@given(st.text(alphabet="0123456789-:TtZz.+ ", max_size=40))
@STEADY
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_time(text)
    except MalformedInput:
        return


def test_a_long_fraction_takes_linear_time() -> None:
    assert parse_time(f"2025-06-01T09:00:00.{'9' * 1_000_000}Z") == MORNING


def test_a_time_has_whole_seconds_in_utc_once_it_is_written_and_read() -> None:
    odd = datetime(2025, 6, 1, 11, 30, 0, 5, timezone(timedelta(hours=2, minutes=30)))
    assert whole_seconds(odd) == MORNING == parse_time(format_time(odd))
    assert whole_seconds(odd).utcoffset() == timedelta(0)
