"""A consistent copy of the database, made while it is in use."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minirelay.store.connection import unavailable


def write_backup(connection: sqlite3.Connection, target: Path) -> None:
    """Copy the database of this connection to a new file, which takes `target`'s place once it is on disk.

    The copy is private to the user (mode 0600). Raises StoreUnavailable; `target` is then as it was.
    """
    draft = target.with_name(target.name + ".part")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with _allowed_to_write_elsewhere(connection):
            connection.execute("VACUUM INTO ?", (str(draft),))
        _sync(draft)
        draft.replace(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):  # of two errors, the first one tells more
            draft.unlink(missing_ok=True)
        raise unavailable(f"write the backup {target}", error) from error


@contextmanager
def _allowed_to_write_elsewhere(connection: sqlite3.Connection) -> Iterator[None]:
    """Let a reading connection write a new file; its own database it can't write anyway."""
    was_query_only = connection.execute("PRAGMA query_only").fetchone()[0]
    connection.execute("PRAGMA query_only = OFF")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA query_only = {was_query_only}")


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
