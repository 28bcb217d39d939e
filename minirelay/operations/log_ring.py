"""The latest lines of the log, in memory, for the operator's page: a fixed number of them, and of bytes."""

import io
import json
import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from minirelay.log_repeats import Repeats
from minirelay.logs import CountingHandler, JsonFormatter, LogBounds

MOST_BYTES: Final = 2**20
LEVELS: Final = ("debug", "info", "warning", "error", "critical")

LogDocument = dict[str, Any]


class LogRing(io.TextIOBase):
    """Lines of JSON; the oldest one makes room for a new one. Threads log, too: an append is one step."""

    def __init__(self, most: int) -> None:
        """most: lines that are kept."""
        self._lines: deque[str] = deque()
        self._most = most
        self._size = 0

    def write(self, text: str) -> int:
        """Keep a line; the handler writes one at a time, under its lock."""
        line = text.rstrip("\n")
        self._lines.append(line)
        self._size += len(line)
        while len(self._lines) > self._most or self._size > MOST_BYTES:
            self._size -= len(self._lines.popleft())
        return len(text)

    def latest(self, *, most: int, level: str | None = None, words: str = "") -> list[LogDocument]:
        """List lines, the newest first. level: the least. words: that are in it, whatever their case."""
        wanted = LEVELS[0 if level is None else LEVELS.index(level) :]
        found: list[LogDocument] = []
        for line in reversed(self._lines.copy()):
            if len(found) >= most:
                break
            if words.lower() in line.lower():
                document = json.loads(line)
                if document["level"] in wanted:
                    found.append(document)
        return found


@contextmanager
def log_kept(bounds: LogBounds, most: int) -> Iterator[LogRing]:
    """Keep what is logged while the block runs, as bounded as what is written. most: lines."""
    ring = LogRing(most)
    handler = CountingHandler(
        ring,  # type: ignore[arg-type]  # it has all that a handler needs of a stream
        Repeats(bounds.burst, bounds.interval_s, time.monotonic),
        bounds.interval_s,
    )
    handler.setFormatter(JsonFormatter(bounds.line_bytes))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield ring
    finally:
        root.removeHandler(handler)
        handler.close()
