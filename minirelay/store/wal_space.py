"""Room at the end of the write-ahead log, made before a commit needs it.

A commit that makes the log's file longer has to wait for the journal of the file system, too, and with that
for whatever other programs have changed on the disk: 0.5 to 1.9 ms, where one that overwrites takes 0.3. The
log is overwritten once it has been moved into the database; until then it is made longer ahead of the
commits, a piece at a time, by the thread that commits and while nobody waits for it: a busy relay has few
commits, for many writes each, and leaves it to SQLite.

SQLite takes what lies behind the last commit for what an earlier round of the log has left: a frame counts
only if its salts and its checksum are those of the round (https://www.sqlite.org/walformat.html).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

PIECE_BYTES: Final = 512 * 1024
"""A memory card takes some 50 ms for it; a write that comes meanwhile waits for that."""

PAGE_BYTES: Final = 4096
"""What is written at a time. The page cache keeps in one piece what was written at once, and for each page of
it that a commit changes the kernel counts all of the piece as written by this process (`/proc/PID/io`)."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""By then it is moved into the database (`CHECKPOINT_PAGES`), and overwritten."""


class WalSpace:
    """The write-ahead log of a database that is open, to be made longer than its commits."""

    def __init__(self, database: Path) -> None:
        """database: open; without a log beside it, or where that can't be written to, nothing is done."""
        self._size_bytes = 0
        try:
            wal = database.with_name(f"{database.name}-wal")
            self._file: int | None = os.open(wal, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            self._file = None

    def close(self) -> None:
        """Let the file go, after SQLite did."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def extend(self, is_awaited: Callable[[], bool]) -> None:
        """Make more room if a commit has used up what there was. Not while SQLite may write.

        is_awaited: whether others wait for this thread; as soon as they do, the rest is left for later. If
        there is no more room on the disk, the next commit finds that out.
        """
        if self._file is None or is_awaited():
            return
        size_bytes = os.fstat(self._file).st_size
        if self._size_bytes < size_bytes < MOST_BYTES:
            size_bytes = self._extended(size_bytes, is_awaited)
        self._size_bytes = size_bytes

    def _extended(self, size_bytes: int, is_awaited: Callable[[], bool]) -> int:
        """Write zeros behind the end; give where it is then."""
        file, end, zeros = self._file, size_bytes + PIECE_BYTES, bytes(PAGE_BYTES)
        if file is None:
            return size_bytes
        try:
            while size_bytes < end and not is_awaited():
                size_bytes += os.pwrite(file, zeros, size_bytes)
            os.fdatasync(file)
        except OSError:
            return os.fstat(file).st_size
        return size_bytes
