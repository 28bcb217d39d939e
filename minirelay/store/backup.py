"""A consistent copy of the database, made while it is in use."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from minirelay.store.connection import unavailable
from minirelay.store.errors import StoreUnavailable

CHECK_STEPS: Final = 20_000
"""Of SQLite's machine, between two looks at what is free: a few thousand rows, or a MiB or two."""


def write_backup(
    connection: sqlite3.Connection, target: Path, check_room: Callable[[], None] = lambda: None
) -> None:
    """Copy the database of this connection to a new file, which takes `target`'s place once it is on disk.

    The copy is private to the user (mode 0600). check_room: is called again and again, and raises
    StoreUnavailable to give up. Raises StoreUnavailable; `target` is then as it was.
    """
    draft = target.with_name(target.name + ".part")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with _allowed_to_write_elsewhere(connection), _given_up_by(connection, check_room):
            connection.execute("VACUUM INTO ?", (str(draft),))
        _sync(draft)
        draft.replace(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error, StoreUnavailable) as error:
        with suppress(OSError):  # of two errors, the first one tells more
            draft.unlink(missing_ok=True)
        if isinstance(error, StoreUnavailable):
            raise
        raise unavailable(f"write the backup {target}", error) from error


@contextmanager
def _given_up_by(connection: sqlite3.Connection, check_room: Callable[[], None]) -> Iterator[None]:
    """Interrupt the statement that runs when there is no room, and raise what says so."""
    given_up: list[StoreUnavailable] = []

    def check() -> bool:
        try:
            check_room()
        except StoreUnavailable as error:
            given_up.append(error)
        return bool(given_up)

    connection.set_progress_handler(check, CHECK_STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        raise given_up[0] if given_up else error from error
    finally:
        connection.set_progress_handler(None, 0)


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
