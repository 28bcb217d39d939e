"""The database file of a data directory, opened to serve or only to look at."""

import logging
import os
import sqlite3
from contextlib import AsyncExitStack, ExitStack, closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from minirelay.config.settings import Settings
from minirelay.store.bulk_insert import create_bulk_insert
from minirelay.store.connection import (
    Connection,
    Durability,
    closed_on_error,
    configure_to_write,
    connect_to_read,
    connect_to_write,
    is_io_error,
    result_code,
)
from minirelay.store.errors import StoreUnreadable
from minirelay.store.file_identity import FileIdentity
from minirelay.store.high_water import save_high_water
from minirelay.store.high_water_recorder import HighWaterRecorder
from minirelay.store.lock import DirectoryLock, whose
from minirelay.store.one_step import check_sqlite
from minirelay.store.pool import ReadPool
from minirelay.store.reader import Reader
from minirelay.store.recovery import Recovery
from minirelay.store.schema import check_current, migrate, schema_version
from minirelay.store.wal_recovery import sync_recovered_wal
from minirelay.store.writer import Writer

log = logging.getLogger(__name__)

FILE_NAME = "minirelay.sqlite"
READERS = 3
_UNSET = Settings()


class ReadOnlyStore:
    """A database that is only looked at, whether or not a relay is running on it.

    It never writes, checkpoints or deletes the write-ahead log.
    """

    def __init__(self, path: Path, reader: Reader, resources: AsyncExitStack) -> None:
        """For `open` and `open_readonly`. resources: what to close in the end."""
        self.path = path
        self.reader = reader
        self._resources = resources

    async def close(self) -> None:
        """Close everything; a second time does nothing."""
        await self._resources.aclose()

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        await self.close()


class Store(ReadOnlyStore):
    """A database that this process serves: the only one that writes to it."""

    def __init__(self, path: Path, reader: Reader, writer: Writer, resources: AsyncExitStack) -> None:
        """For `open`. resources: what to close in the end."""
        super().__init__(path, reader, resources)
        self.writer = writer

    @classmethod
    async def open(
        cls,
        directory: Path,
        durability: Durability = _UNSET.durability,
        readers: int = READERS,
        *,
        accepts_loss: bool = False,
        high_water_interval_s: float = _UNSET.high_water_interval,
    ) -> "Store":
        """Open the database of a data directory; create or migrate it as needed.

        durability: "full" means that what was committed survives a power cut, "normal" only a crash of the
        process. readers: how many questions are answered at a time. accepts_loss: go on when something is
        missing, with all shops treated as restored. high_water_interval_s: how often it is noted at most how
        far the database is. Raises DataMissing, StoreLocked, StoreUnreadable, NotOurDatabase, SchemaTooNew,
        SQLiteTooOld, StoreUnavailable.
        """
        check_sqlite()
        _make_private(directory)
        path = directory / FILE_NAME
        async with AsyncExitStack() as stack:
            stack.callback(DirectoryLock(directory).release)
            recovery = _plan(path, accepts_loss)
            _create_private(path)
            closed_last = stack.enter_context(ExitStack())
            connection = Connection("minirelay-writer", lambda: connect_writer(path, durability))
            await _open(connection, path, stack)
            stack.push_async_callback(_checkpoint, connection, path)
            save = partial(save_high_water, path, durability)
            mark, rows = await connection.run(lambda db: recovery.carry_out(db, save))
            reader = await _open_reader(path, readers, stack)
            identity = FileIdentity(path)
            closed_last.callback(identity.close)
            writer = Writer(connection, file=identity)
            recorder = HighWaterRecorder(mark, rows, reader, save, high_water_interval_s)
            writer.on_stored = recorder.note
            stack.push_async_callback(recorder.close)
            stack.push_async_callback(writer.close)
            return cls(path, reader, writer, stack.pop_all())


async def open_readonly(directory: Path) -> ReadOnlyStore:
    """Open the database of a data directory to look at it, beside a running relay or without one.

    Raises StoreUnreadable, NotOurDatabase, SchemaTooNew, SchemaTooOld, SQLiteTooOld.
    """
    check_sqlite()
    path = directory / FILE_NAME
    _require_there(path)
    async with AsyncExitStack() as stack:
        reader = await _open_reader(path, 1, stack)
        return ReadOnlyStore(path, reader, stack.pop_all())


async def open_copy(path: Path) -> ReadOnlyStore:
    """Open a database that nothing has open and that has no write-ahead log, like a backup, to look at it.

    It may lie on a medium that can't be written to. Raises as `open_readonly`.
    """
    check_sqlite()
    _require_there(path)
    async with AsyncExitStack() as stack:
        reader = await _open_reader(path, 1, stack, is_immutable=True)
        return ReadOnlyStore(path, reader, stack.pop_all())


def is_unused(path: Path) -> bool:
    """Return whether a database has no shop, and nothing of the relay's own. Raises StoreUnreadable."""
    try:
        with closing(connect_to_read(path)) as connection:
            (count,) = connection.execute(
                "SELECT (SELECT count(*) FROM shop) + (SELECT count(*) FROM meta)"
            ).fetchone()
            return bool(count == 0)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _require_there(path: Path) -> None:
    # SQLite says "unable to open" of everything: most often it was looked for in the wrong place.
    try:
        path.stat()
    except FileNotFoundError as error:
        raise StoreUnreadable(
            f"{path}: no such file; name the relay's data directory (data_dir), or put the database back"
        ) from error
    except OSError:
        # Opening it says what there is to say.
        return


async def _open_reader(
    path: Path, count: int, stack: AsyncExitStack, *, is_immutable: bool = False
) -> Reader:
    connections = []
    for number in range(count):
        connect = partial(_connect_reader, path, is_immutable=is_immutable)
        connection = Connection(f"minirelay-reader-{number}", connect)
        await _open(connection, path, stack)
        connections.append(connection)
    pool = ReadPool(connections, path)
    stack.push_async_callback(pool.close)
    return Reader(pool)


def _plan(path: Path, accepts_loss: bool) -> Recovery:
    try:
        return Recovery.plan(path, accepts_loss)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


async def _open(connection: Connection, path: Path, stack: AsyncExitStack) -> None:
    try:
        await stack.enter_async_context(connection)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: sqlite3.Error) -> StoreUnreadable:
    return StoreUnreadable(f"{path}: {error}; {_remedy(error)}")


def _remedy(error: sqlite3.Error) -> str:
    code = result_code(error)
    if is_io_error(code) or code == sqlite3.SQLITE_FULL:
        return "the disk may be full or failing"
    return "the file must exist, and belong to the user who runs minirelay, and so must its directory"


def connect_writer(path: Path, durability: Durability) -> sqlite3.Connection:
    if durability == "full":
        sync_recovered_wal(path)
    connection = connect_to_write(path)
    with closed_on_error(connection):
        # Nothing is changed, not even the journal mode, before it is clear that the file is ours.
        schema_version(connection, path)
        configure_to_write(connection, durability)
        migrate(connection, path)
        connection.execute("PRAGMA foreign_keys = ON")
        create_bulk_insert(connection)
    return connection


def _connect_reader(path: Path, *, is_immutable: bool = False) -> sqlite3.Connection:
    connection = connect_to_read(path, is_immutable=is_immutable)
    with closed_on_error(connection):
        check_current(connection, path)
    return connection


async def _checkpoint(connection: Connection, path: Path) -> None:
    """Move everything into the database file, so that it is whole without its write-ahead log."""
    try:
        await connection.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    except sqlite3.Error as error:
        log.warning("%s: not checkpointed, its write-ahead log stays: %s", path, error)


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnreadable(f"{directory}: {error.strerror}; choose another data directory") from error


def _create_private(path: Path) -> None:
    """Create the file for its owner only. SQLite gives the files beside it the same permissions."""
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnreadable(f"{path}: {error.strerror}; {whose(path.parent)}") from error
    os.close(file)
