"""What the log says of transactions that fail: a line when it begins, a count, a line when it is over."""

import logging
import sqlite3
from collections.abc import Callable
from typing import Final

from minirelay.errors import StoreError

REPEAT_S: Final = 60.0
"""While it goes on, it is said again this often, with the count."""


class FailureLog:
    """Says it of one writer."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        """clock: in seconds."""
        self._log = log
        self._clock = clock
        self._count = 0
        self._said_at = float("-inf")

    def failed(self, error: BaseException) -> None:
        """Note a transaction that failed; only what is a bug comes with its traceback."""
        self._count += 1
        now = self._clock()
        if self._count > 1 and now - self._said_at < REPEAT_S:
            return
        self._said_at = now
        is_bug = not isinstance(error, sqlite3.Error | StoreError)
        extra = {"failed": self._count} if self._count > 1 else {}
        self._log.error("a transaction failed: %s", error, exc_info=error if is_bug else None, extra=extra)

    def stored(self) -> None:
        """Note a transaction that was stored."""
        if self._count:
            self._log.warning("transactions are stored again", extra={"failed": self._count})
            self._count = 0
            self._said_at = float("-inf")
