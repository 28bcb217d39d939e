"""Whether the database that is open is still the one that its path leads to.

A file that was moved away, deleted or replaced under a running relay can still be written to, and all of it
would be gone with the process. So nothing is stored while it is not in its place. When the very same file is
back, the store goes on by itself if nothing else can have written to it. What is known then:

- It is the same file: it is held open here, with its write-ahead log and that one's index, so no other file
  can have got its inode. A copy is another file, and what is in it is unknown: it stays refused.
- It is as this process left it when it wrote last, before it was found gone: sizes and times of change of
  both files. A program that opened it under another name has a log of its own there, and changes this
  file once it moves that log into it.
- The log's index is as it was left. A program that opens *another* database at this path takes our log for
  its own; what it writes, or moves from the log into the wrong file, it enters in the index.
- While it was away this process wrote nothing. What was stored within `CHECK_S` after it went is in it.
- No caller was refused something that is in it. A write that was found to be in a file that is gone only
  after it was stored is refused, and in the log nonetheless: whoever restarts the relay then reads it.

In every other case it stays failed, until the relay is restarted and looks at all of it anew. Two writes
within one tick of the file system's clock (4 ms) can't be told apart; neither can a file that was away
between two looks.

The files are never opened and closed here in the usual way: that would drop SQLite's locks (POSIX locks end
when any descriptor of the file is closed). What is opened with O_PATH has none; the index is held open until
SQLite has closed it.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from minirelay.store.errors import DatabaseReplaced

CHECK_S: Final = 1.0
"""How long a check stands: a write may be acknowledged that long into a file that is gone."""

INDEX_HEADER_BYTES: Final = 48
BACKFILLED: Final = slice(96, 100)
"""In the index of a write-ahead log: its state, and how much of it is in the database (walformat.html)."""

_State = tuple[object, ...]


class WrittenFile(Protocol):
    """What a writer asks of the file it writes to; each may be asked in any thread."""

    def check(self) -> None:
        """Raise DatabaseReplaced if what is stored now would be lost."""

    def begin_write(self) -> None:
        """Check, and take note that this process writes from now on. Raises DatabaseReplaced."""

    def confirm_stored(self) -> None:
        """Check once more, before any caller hears that something was stored. Raises DatabaseReplaced."""

    def end_write(self) -> None:
        """Take note of how this process leaves the file."""


class FileIdentity:
    """The database, its write-ahead log and that one's index, which come with the first write."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """path: of the database, which is open. clock: in seconds."""
        self._database = _HeldFile(path, os.O_PATH)
        self._log = _HeldFile(path.with_name(f"{path.name}-wal"), os.O_PATH)
        self._index = _HeldFile(path.with_name(f"{path.name}-shm"), os.O_RDONLY)
        self._files = (self._database, self._log, self._index)
        self._clock = clock
        self._checked_at = float("-inf")
        self._away: Path | None = None
        self._lost: str | None = None
        self._is_writing = False
        self._lock = threading.Lock()
        self._left = self._state()

    def close(self) -> None:
        """Let the files go, after SQLite did."""
        for file in self._files:
            file.close()

    def check(self) -> None:
        """Raise DatabaseReplaced if another file, or none, is there now; looks at most once a second."""
        with self._lock:
            self._check()

    def begin_write(self) -> None:
        """Check, and take note that this process writes from now on. Raises DatabaseReplaced."""
        with self._lock:
            self._check()
            self._is_writing = True

    def confirm_stored(self) -> None:
        """Check once more; what was stored into a file that is gone is refused for good."""
        with self._lock:
            self._look_if_due()
            if self._away is not None:
                self._lost = f"{self._away} was moved, deleted or replaced during a write"
            self._raise()

    def end_write(self) -> None:
        """Take note of how this process leaves the files."""
        with self._lock:
            self._is_writing = False
            self._left = self._state()

    def _check(self) -> None:
        self._look_if_due()
        self._raise()

    def _look_if_due(self) -> None:
        now = self._clock()
        if self._lost is not None or now - self._checked_at < CHECK_S:
            return
        self._checked_at = now
        was_away = self._away is not None
        away = next((file.path for file in self._files if not file.is_in_place()), None)
        if away is None and was_away:
            if self._is_writing:
                # How it is left is known when that is done: until then it counts as away.
                return
            if self._state() != self._left:
                self._lost = f"{self._database.path} was changed by another program while it was moved away"
        self._away = away

    def _raise(self) -> None:
        # What to do comes first: the log cuts long lines, and a path may be long.
        if self._lost is not None:
            raise DatabaseReplaced(f"nothing more is stored, restart the relay: {self._lost}")
        if self._away is not None:
            raise DatabaseReplaced(
                "nothing more is stored: put the very same file back (no copy) and it goes on, or restart "
                f"the relay; {self._away} was moved, deleted or replaced while the relay runs"
            )

    def _state(self) -> _State:
        return (self._database.size_and_time(), self._log.size_and_time(), self._index_state())

    def _index_state(self) -> bytes:
        start = self._index.read(BACKFILLED.stop)
        return start[:INDEX_HEADER_BYTES] + start[BACKFILLED]


class AnyFile:
    """A file that nobody looks after."""

    def check(self) -> None:
        """Find nothing."""

    begin_write = confirm_stored = end_write = check


ANY_FILE: Final = AnyFile()


class _HeldFile:
    """A file that is held open from when it is first there, so that its inode stays its own."""

    def __init__(self, path: Path, flags: int) -> None:
        self.path = path
        self._flags = flags | os.O_CLOEXEC
        self._file: int | None = None
        self._hold()

    def is_in_place(self) -> bool:
        """Return whether its path leads to it; a file that was not there yet may come."""
        if self._file is None:
            self._hold()
            return True
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def size_and_time(self) -> tuple[int, int] | None:
        """Return its size and when it was changed last, in nanoseconds; None: it is not there yet."""
        if self._file is None:
            return None
        found = os.fstat(self._file)
        return found.st_size, found.st_mtime_ns

    def read(self, size_bytes: int) -> bytes:
        """Read its beginning."""
        return b"" if self._file is None else os.pread(self._file, size_bytes, 0)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _hold(self) -> None:
        try:
            self._file = os.open(self.path, self._flags)
        except FileNotFoundError:
            return
