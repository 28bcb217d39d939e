"""Structured logging (spec 09, "Logs"): one line per event, key=value text or JSON.

Rooms log with the standard library, `log.info("what happened", extra={"shop": ...})`: every extra becomes a
field. `bound` adds fields, such as the session's id, to all that is logged inside. A caller need not care
how often or how much: lines have a size, and what repeats itself is counted (`log_repeats.py`).
"""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

from minirelay.log_repeats import SELF_COUNTED, Repeats

Format = Literal["text", "json"]


@dataclass(frozen=True)
class LogBounds:
    """How much is written. burst: lines of one place at once; interval_s: between two of it after that."""

    line_bytes: int
    burst: int
    interval_s: float


_OWN: Final = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", *SELF_COUNTED}
_PLAIN: Final = re.compile(r"[^\s\"=\\]+")
_CUT_BYTES: Final = len(', "cut": true')
_PUNCTUATION_BYTES: Final = len('"": , ')
_LEAST_BYTES: Final = 16
"""A value that has less room than this says nothing."""

_TRACEBACK_CHARACTERS: Final = 8192
_bound: ContextVar[Mapping[str, object]] = ContextVar("minirelay_log_fields")


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add fields to everything that is logged inside, in tasks that are started there too."""
    token = _bound.set({**_bound.get({}), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a record: the bound ones, then its own."""
    own = {name: value for name, value in vars(record).items() if name not in _OWN}
    return {**_bound.get({}), **own}


class TextFormatter(logging.Formatter):
    """Write `time level event key=value …`; always one line, but for a traceback."""

    def __init__(self, line_bytes: int) -> None:
        super().__init__()
        self._line_bytes = line_bytes

    def format(self, record: logging.LogRecord) -> str:
        start = f"{_time(record)} {record.levelname.lower():7}"
        fields = _fitting(record, self._line_bytes - len(start), one_line, _quoted)
        event = fields.pop("event")
        line = " ".join([start, event, *(f"{name}={value}" for name, value in fields.items())])
        if record.exc_info:
            traceback = _traceback(self.formatException(record.exc_info))
            line = "\n".join([line, *map(one_line, traceback.splitlines())])
        return line


class JsonFormatter(logging.Formatter):
    """Write one JSON object per line."""

    def __init__(self, line_bytes: int) -> None:
        super().__init__()
        self._line_bytes = line_bytes

    def format(self, record: logging.LogRecord) -> str:
        start = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        parts = [f"{_json(name)}: {_json(value)}" for name, value in start.items()]
        used = _size(f'{{{", ".join(parts)}, "event": }}')
        fields = _fitting(record, self._line_bytes - used, _json, _json)
        parts += [f"{_json(name)}: {value}" for name, value in fields.items()]
        if record.exc_info:
            parts.append(f'"exception": {_json(_traceback(self.formatException(record.exc_info)))}')
        return f"{{{', '.join(parts)}}}"


class CountingHandler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream, but for those that repeat themselves: it says later how many they were."""

    def __init__(self, stream: TextIO, repeats: Repeats, interval_s: float) -> None:
        """interval_s: how long after the first line that is left out it says so, if nothing else does."""
        super().__init__(stream)
        self._repeats = repeats
        self._interval_s = interval_s
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it (the caller holds the lock)."""
        if self._repeats.admit(record):
            super().emit(record)
        else:
            self._say_later()

    def say_due(self) -> None:
        """Log, of what may be logged again, how much of it was left out."""
        with self._locked():
            self._timer = None
            for record in self._repeats.due():
                super().emit(record)
            if self._repeats.has_left_out:
                self._say_later()

    def close(self) -> None:
        """Log all that was left out and not told yet."""
        with self._locked():
            if self._timer is not None:
                self._timer.cancel()
            for record in self._repeats.rest():
                super().emit(record)
        super().close()

    def _say_later(self) -> None:
        # A thread's, since commands without a loop log too. It waits only while lines are left out.
        if self._timer is None:
            self._timer = threading.Timer(self._interval_s, self.say_due)
            self._timer.daemon = True
            self._timer.start()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


def configure(level: str, log_format: Format, bounds: LogBounds, stream: TextIO | None = None) -> None:
    """Send what is logged to a stream, standard error if None.

    level: debug, info, warning, error; libraries stay at warning.
    """
    repeats = Repeats(bounds.burst, bounds.interval_s, time.monotonic)
    handler = CountingHandler(stream or sys.stderr, repeats, bounds.interval_s)
    make = JsonFormatter if log_format == "json" else TextFormatter
    handler.setFormatter(make(bounds.line_bytes))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Only our own rooms are turned up or down: in details, libraries log what must not be logged (aiosqlite
    # every value that it is given).
    logging.getLogger("minirelay").setLevel(level.upper())
    logging.captureWarnings(True)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fitting(
    record: logging.LogRecord,
    size_bytes: int,
    write_event: Callable[[object], str],
    write_value: Callable[[object], str],
) -> dict[str, str]:
    """Write the event and the fields so that they fit into a size together; `cut` says that they did not.

    The event gets at most half of it, a field a quarter: no single one pushes the others out.
    """
    left = size_bytes - _CUT_BYTES
    event, is_cut = _cut(record.getMessage(), size_bytes // 2, write_event)
    written = {"event": event}
    left -= _size(event)
    for name, value in fields_of(record).items():
        left -= len(name) + _PUNCTUATION_BYTES
        room = min(left, size_bytes // 4)
        if room < _LEAST_BYTES:
            is_cut = True
            break
        written[name], was_cut = _cut(value, room, write_value)
        is_cut = is_cut or was_cut
        left -= _size(written[name])
    if is_cut:
        written["cut"] = "true"
    return written


def _cut(value: object, room: int, write: Callable[[object], str]) -> tuple[str, bool]:
    """Write a value, or as much of its beginning as there is room for; and say whether it was cut."""
    if not isinstance(value, str | bytes) or len(value) <= room:
        written = write(value)
        if _size(written) <= room:
            return written, False
    text = str(value[:room] if isinstance(value, str | bytes) else value)[:room]
    while True:
        written = write(f"{text}…")
        size = _size(written)
        if size <= room or not text:
            return written, True
        # An escaped character may take twelve bytes, so this is not found at once.
        text = text[: len(text) * room // size]


def _traceback(text: str) -> str:
    """Cut a traceback in the middle: where it begins and what was raised say most."""
    if len(text) <= _TRACEBACK_CHARACTERS:
        return text
    half = _TRACEBACK_CHARACTERS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters …\n{text[-half:]}"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def one_line(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else json.dumps(text, ensure_ascii=True)[1:-1]


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(text, ensure_ascii=True)


def _json(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
