"""Lines that repeat themselves are counted, not repeated (spec 09, "Logs")."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_PLACES: Final = 1024
"""Places in the code that are told apart; the one that was quiet for longest is forgotten first."""

MAX_TRACEBACKS: Final = 3
"""Of a burst, the lines that may come with a traceback: one is as good as ten."""

MAX_EXAMPLE: Final = 1024
"""Characters of a line that was left out, which are kept."""

# What is no warning is an event worth knowing, and strangers' limits hold for most of them.
_EVENT_BURST: Final = 10
_EVENT_RATE: Final = 60

SELF_COUNTED: Final = {"is_self_counted": True}
"""As `extra`: this line says how many it stands for, and comes seldom enough."""

_Place = tuple[str, str, int, str]


@dataclass(slots=True)
class _Bucket:
    """The lines that a place may still write, and the first one of those that it was not let write."""

    tokens: float
    since: float
    interval_s: float
    burst: int
    left_out: int = 0
    example: logging.LogRecord | None = None

    def refill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + (now - self.since) / self.interval_s)
        self.since = now


class Repeats:
    """Decides which lines are written: of one place in the code a burst, then one now and then.

    A place is a line of code, with the type of the exception that it logs. What is written cannot tell places
    apart: strangers choose it, and libraries put it into their messages.
    """

    def __init__(self, burst: int, interval_s: float, clock: Callable[[], float]) -> None:
        """burst: lines at once. interval_s: between two warnings after that. clock: monotonic, in seconds."""
        self._burst = burst
        self._interval_s = interval_s
        self._clock = clock
        self._buckets: OrderedDict[_Place, _Bucket] = OrderedDict()

    @property
    def place_count(self) -> int:
        """Count the places in the code that are remembered."""
        return len(self._buckets)

    @property
    def has_left_out(self) -> bool:
        """Return whether there is something to be told later."""
        return any(bucket.left_out for bucket in self._buckets.values())

    def admit(self, record: logging.LogRecord) -> bool:
        """Return whether a line is to be written; it gets the field `left_out` if others were not."""
        if getattr(record, "is_self_counted", False):
            return True
        bucket = self._bucket_of(record)
        bucket.refill(self._clock())
        if bucket.tokens < 1:
            bucket.left_out += 1
            bucket.example = bucket.example or _without_references(record)
            return False
        bucket.tokens -= 1
        if bucket.left_out:
            record.left_out = bucket.left_out
            bucket.left_out, bucket.example = 0, None
        return True

    def due(self) -> Iterator[logging.LogRecord]:
        """Yield a line for each place that may say again how many were left out."""
        now = self._clock()
        for bucket in self._buckets.values():
            bucket.refill(now)
            if bucket.left_out and bucket.tokens >= 1:
                bucket.tokens -= 1
                yield _tell(bucket)

    def rest(self) -> Iterator[logging.LogRecord]:
        """Yield a line for each place that has left something out, because nothing more will be written."""
        for bucket in self._buckets.values():
            if bucket.left_out:
                yield _tell(bucket)

    def _bucket_of(self, record: logging.LogRecord) -> _Bucket:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        place = record.name, record.pathname, record.lineno, error
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = self._new_bucket(record)
            if len(self._buckets) > MAX_PLACES:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(place)
        return bucket

    def _new_bucket(self, record: logging.LogRecord) -> _Bucket:
        burst, interval_s = self._burst, self._interval_s
        if record.exc_info:
            burst = min(burst, MAX_TRACEBACKS)
        elif record.levelno < logging.WARNING:
            burst, interval_s = burst * _EVENT_BURST, interval_s / _EVENT_RATE
        return _Bucket(burst, self._clock(), interval_s, burst)


def _without_references(record: logging.LogRecord) -> logging.LogRecord:
    """Copy a record without what it would keep in memory: arguments, and frames with all that is in them."""
    copy = logging.makeLogRecord(vars(record))
    copy.msg, copy.args = record.getMessage()[:MAX_EXAMPLE], None
    copy.exc_info = copy.exc_text = None
    return copy


def _tell(bucket: _Bucket) -> logging.LogRecord:
    """Make the line that stands for those that were left out: the first of them."""
    record = bucket.example
    if record is None:
        raise RuntimeError("what left something out has an example of it")
    record.left_out = bucket.left_out
    bucket.left_out, bucket.example = 0, None
    return record
