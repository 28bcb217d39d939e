"""The reading connections, a few, shared by everybody who asks."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from minirelay.store.connection import Connection, unavailable
from minirelay.store.errors import StoreClosed

T = TypeVar("T")


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
        self._check_open()
        connection = await self._idle.get()
        try:
            self._check_open()
            return await connection.run(function)
        except sqlite3.Error as error:
            raise unavailable(f"read {self._path}", error) from error
        finally:
            # Also when the caller was cancelled and the thread is not done yet: it takes things in turn.
            self._idle.put_nowait(connection)

    async def close(self) -> None:
        """Let the running queries end, then close all connections."""
        self._is_closed = True
        for connection in self._connections:
            await connection.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreClosed("the database is closed")
