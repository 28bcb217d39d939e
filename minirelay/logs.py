"""Structured logging (spec 09, "Logs"): one line per event, key=value text or JSON.

Rooms log with the standard library, `log.info("what happened", extra={"shop": ...})`: every extra becomes a
field. `bound` adds fields, such as the session's id, to all that is logged inside.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

Format = Literal["text", "json"]

_OWN: Final = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PLAIN: Final = re.compile(r"[^\s\"=\\]+")
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
    """Give the fields of a record: the bound ones, then its own."""
    own = {name: value for name, value in vars(record).items() if name not in _OWN}
    return {**_bound.get({}), **own}


class TextFormatter(logging.Formatter):
    """Write `time level event key=value …`; always one line, but for a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [_time(record), f"{record.levelname.lower():7}", _one_line(record.getMessage())]
        parts += [f"{name}={_quoted(value)}" for name, value in fields_of(record).items()]
        line = " ".join(parts)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """Write one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        content: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str, ensure_ascii=False)


def configure(level: str, log_format: Format, stream: TextIO = sys.stderr) -> None:
    """Send what is logged to a stream. level: debug, info, warning, error; libraries stay at warning."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Only our own rooms are turned up or down: in details, libraries log what must not be logged (aiosqlite
    # every value that it is given).
    logging.getLogger("minirelay").setLevel(level.upper())


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text, ensure_ascii=True)[1:-1]


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(text, ensure_ascii=True)
