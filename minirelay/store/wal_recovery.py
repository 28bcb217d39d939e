"""What transactions leave in the write-ahead log that were written, and not reported as stored.

A commit is written to the write-ahead log, then synced, then entered in its index. If the sync fails, the
commit has failed, and this process never sees it again; but it stands there whole, and if the process were
killed now, the next one would find it and take it for stored: a set that was refused would be in the log
after all. And a process that is killed between writing and syncing leaves a commit that others would read,
and tell of, before it is on disk.
"""

import logging
import os
import sqlite3
from pathlib import Path

from minirelay.store.connection import is_io_error, result_code
from minirelay.store.errors import StoreUnreadable

log = logging.getLogger(__name__)

_OVERWRITE = """INSERT INTO meta (key, value) VALUES ('failed', randomblob(8))
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""


def overwrite_failed(connection: sqlite3.Connection, failure: BaseException) -> None:
    """Write something harmless over what a failed transaction may have left, before any caller hears of it.

    What comes after it in the write-ahead log is void then. While syncing fails, this fails in the same way,
    and what it leaves does no harm. If nothing at all can be written any more, what was left stays.
    """
    try:
        connection.execute(_OVERWRITE)
    except sqlite3.Error as error:
        if _may_be_whole(failure) and not _may_be_whole(error):
            log.error("what was refused may come back if the relay is killed now: %s", error)


def _may_be_whole(failure: BaseException) -> bool:
    """Return whether all of a failed transaction may have been written."""
    code = result_code(failure)
    return is_io_error(code) and code != sqlite3.SQLITE_IOERR_WRITE


def sync_recovered_wal(database: Path) -> None:
    """Sync what an earlier process wrote, before it is read. Raises StoreUnreadable.

    To be called before the database is opened: its locks would end when the file is closed here.
    """
    wal = database.with_name(f"{database.name}-wal")
    try:
        file = os.open(wal, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(wal, error) from error
    try:
        os.fsync(file)
    except OSError as error:
        raise _unreadable(wal, error) from error
    finally:
        os.close(file)


def _unreadable(wal: Path, error: OSError) -> StoreUnreadable:
    return StoreUnreadable(f"{wal}: {error.strerror}; check the disk, and that the file is minirelay's own")
