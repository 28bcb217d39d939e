"""Connections to the database, each with a thread of its own."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, Self, TypeVar

import aiosqlite

from minirelay.store.errors import StoreClosed, StoreUnavailable

T = TypeVar("T")
Durability = Literal["full", "normal"]

# How long SQLite waits for a lock that somebody holds. Only a foreign program can hold one.
BUSY_TIMEOUT_S = 5.0
# The write-ahead log is moved into the database when it has this many pages (16 MiB): a fifth to a third more
# commits per second than with SQLite's 1000, and fewer writes to an SD card; more brings nothing.
CHECKPOINT_PAGES = 4000
# What is left of the write-ahead log after a checkpoint, should it ever have grown beyond.
WAL_LIMIT_BYTES = 32 * 1024 * 1024
WRITER_CACHE_KIB = 8192


class Connection(aiosqlite.Connection):
    """An SQLite connection in its own thread, which runs whole functions instead of single statements."""

    def __init__(self, name: str, connector: Callable[[], sqlite3.Connection]) -> None:
        """Prepare; `async with` opens it. name: of the thread. connector: is run in the thread."""
        super().__init__(connector, iter_chunk_size=64)
        self._thread.name = name
        # A process that ends through an error is not to hang on this thread. What was
        # committed is safe, and the rest was never acknowledged.
        self._thread.daemon = True

    async def __aenter__(self) -> Self:
        """Open the connection. If that fails, no thread is left."""
        try:
            await self
        except BaseException:
            # The thread has been told to end; it still has to tell the loop, which must not be gone by then.
            await asyncio.to_thread(self._thread.join)
            raise
        return self

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the connection's thread. Raises StoreClosed, and what the function raises."""
        if not self._running or self._connection is None:
            raise StoreClosed("the database is closed")
        result: T = await self._execute(function, self._connection)  # type: ignore[no-untyped-call]
        return result

    def post(self, function: Callable[[sqlite3.Connection], None]) -> None:
        """Have a function run in the connection's thread, after what came before it; don't wait for it.

        It must not raise, since no caller would hear of it. Raises StoreClosed.
        """
        if not self._running or self._connection is None:
            raise StoreClosed("the database is closed")
        self._tx.put_nowait((None, partial(function, self._connection)))


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes, without touching the file, which must exist."""
    return _connect(path, "rw")


def configure_to_write(connection: sqlite3.Connection, durability: Durability) -> None:
    """Set what the writing connection needs, but for foreign keys; from here on the file is in WAL mode."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {durability}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")


def connect_to_read(path: Path, *, is_immutable: bool = False) -> sqlite3.Connection:
    """Open a connection that never writes, checkpoints or deletes the write-ahead log.

    is_immutable: no other connection has the file open, and it has no write-ahead log: none is made either.
    """
    connection = _connect(path, "ro&immutable=1" if is_immutable else "ro")
    with closed_on_error(connection):
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close the connection if the body raises."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let several queries see the same state. To be kept short: the log can't restart meanwhile.

    Inside another snapshot it is that one.
    """
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def rolled_back_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Undo the transaction if the body raises. After some errors (a full disk) SQLite has done so already."""
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def result_code(error: BaseException) -> int:
    """Return SQLite's extended result code for an error; SQLITE_ERROR where it does not come from SQLite."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code


def is_io_error(code: int) -> bool:
    """Return whether an extended result code is one of the many that mean an I/O error."""
    return code & 0xFF == sqlite3.SQLITE_IOERR


def unavailable(doing: str, error: BaseException) -> StoreUnavailable:
    """Make the error that a caller sees; `doing` says what could not be done."""
    failure = StoreUnavailable(f"could not {doing}: {error}")
    failure.__cause__ = error
    return failure
