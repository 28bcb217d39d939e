"""Whether the database that is open is still the one that its path leads to.

A file that was moved away, deleted or replaced under a running relay can still be written to, and all of it
would be gone with the process. Only `stat` on the path is used: opening and closing the file here would drop
SQLite's locks (POSIX locks end when any descriptor of the file is closed).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from minirelay.store.errors import DatabaseReplaced

CHECK_S: Final = 1.0
"""How long a check stands: a write may be acknowledged that long into a file that is gone."""

_Identity = tuple[int, int]


class FileIdentity:
    """Device and inode of the database and of its write-ahead log, which comes with the first write."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """path: of the database, which is open. clock: in seconds."""
        self._database = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._identity = _identity(path)
        self._wal_identity = _identity(self._wal)
        self._clock = clock
        self._checked_at = float("-inf")
        self._replaced: str | None = None

    def check(self) -> None:
        """Raise DatabaseReplaced if another file, or none, is there now; looks at most once a second."""
        now = self._clock()
        if self._replaced is None and now - self._checked_at >= CHECK_S:
            self._checked_at = now
            self._replaced = self._find_replaced()
        if self._replaced is not None:
            raise DatabaseReplaced(
                f"{self._replaced} was moved, deleted or replaced while the relay runs, so nothing more is "
                "stored; put the file back if you can, and restart the relay"
            )

    def _find_replaced(self) -> str | None:
        if _identity(self._database) != self._identity:
            return str(self._database)
        wal = _identity(self._wal)
        if self._wal_identity is None:
            self._wal_identity = wal
        return str(self._wal) if wal != self._wal_identity else None


def _identity(path: Path) -> _Identity | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
