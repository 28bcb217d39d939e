"""A consistent copy of the database, made while it is in use."""

import os
import sqlite3
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
        connection.execute("VACUUM INTO ?", (str(draft),))
        _sync(draft)
        draft.replace(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        raise unavailable(f"write the backup {target}", error) from error


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
