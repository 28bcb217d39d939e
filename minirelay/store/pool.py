"""The reading connections, a few, shared by all callers."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from minirelay.store.connection import Connection, unavailable
from minirelay.store.errors import StoreClosed

T = TypeVar("T")


class Queryable(Protocol):
    """What can be queried: the pool, or one connection of it."""

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on a connection. Raises StoreUnavailable, StoreClosed."""


class _Lease:
    """One connection of the pool, for a while."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the connection's thread. Raises StoreUnavailable, StoreClosed."""
        try:
            return await self._connection.run(function)
        except sqlite3.Error as error:
            raise unavailable(f"read {self._path}", error) from error


class ReadPool:
    """Connections that never write. Each answer is one short read transaction on one of them."""

    def __init__(self, connections: Sequence[Connection], path: Path) -> None:
        """connections: open. path: of the database, for messages."""
        self._connections = connections
        self._path = path
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in connections:
            self._idle.put_nowait(connection)
        self._is_closed = False

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on an idle connection; wait for one if there is none.

        The function leaves no transaction open. Raises StoreUnavailable, StoreClosed.
        """
        async with self._lease() as one:
            return await one.run(function)

    @asynccontextmanager
    async def held(self) -> AsyncIterator["Queryable"]:
        """Keep one connection, and the database as it is at its first answer, while the block runs.

        The write-ahead log can't restart meanwhile. Raises StoreUnavailable, StoreClosed.
        """
        async with self._lease() as one:
            await one.run(lambda db: db.execute("BEGIN"))
            try:
                yield one
            finally:
                await one.run(_end_transaction)

    async def close(self) -> None:
        """Let the running queries end, then close all connections."""
        self._is_closed = True
        for connection in self._connections:
            await connection.close()

    @asynccontextmanager
    async def _lease(self) -> AsyncIterator["_Lease"]:
        self._check_open()
        connection = await self._idle.get()
        try:
            self._check_open()
            yield _Lease(connection, self._path)
        finally:
            # Also when the caller was cancelled and the thread is not done yet: it takes things in turn.
            self._idle.put_nowait(connection)

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreClosed("the database is closed")


def _end_transaction(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # some errors end it
        connection.execute("ROLLBACK")
