"""Timestamps: RFC 3339 text and epoch seconds to aware UTC datetimes of whole seconds, and back (spec 02)."""

import math
import re
from datetime import UTC, datetime

from minirelay.errors import MalformedInput

# Hours end at 23 and seconds at 59 here and not in `datetime`, whose own bounds differ between Python
# versions. A leap second is refused: it can't be told from its neighbours once it is stored, and no client
# can write one.
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_WHOLE_SECONDS = len("2025-06-01T09:00:00")
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 timestamp.

    Returns an aware UTC datetime; a fraction of a second is dropped. Raises MalformedInput: not the grammar
    of RFC 3339 section 5.6, no zone, no such day, a year outside 1 to 9999 (before or after the zone is
    applied).
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise MalformedInput("time is not RFC 3339 with a zone")
    zone = match[1]
    try:
        if zone in "Zz":
            return datetime.fromisoformat(text[:_WHOLE_SECONDS] + "+00:00")
        return datetime.fromisoformat(text[:_WHOLE_SECONDS] + zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedInput("time is on no calendar of the years 1 to 9999") from error


def time_from_epoch(seconds: int | float) -> datetime:
    """Read seconds since 1970-01-01T00:00:00Z.

    Returns an aware UTC datetime; a fraction of a second is dropped. Raises MalformedInput: before 1970,
    after the year 9999, NaN or infinite.
    """
    if isinstance(seconds, float) and not math.isfinite(seconds):
        raise MalformedInput("time is not a number")
    if seconds < 0:
        raise MalformedInput("time is before 1970")
    if seconds >= _LAST_SECOND + 1:
        raise MalformedInput("time is after the year 9999")
    return datetime.fromtimestamp(int(seconds), UTC)


def whole_seconds(time: datetime) -> datetime:
    """Return an aware time as reading what `format_time` writes gives it: in UTC, without a fraction."""
    return time.astimezone(UTC).replace(microsecond=0)


def format_time(time: datetime) -> str:
    """Write a time as RFC 3339 text: UTC with `Z`, whole seconds (a fraction is dropped).

    time: an aware datetime. Raises ValueError for one without a zone.
    """
    if time.utcoffset() is None:
        raise ValueError("a time needs a zone")
    return time.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
