import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest

from minirelay.store.connection import Connection, connect_to_read, snapshot
from minirelay.store.errors import StoreClosed, StoreUnavailable
from minirelay.store.pool import ReadPool

TIMEOUT_S = 20


@asynccontextmanager
async def pool_of(count: int, directory: Path) -> AsyncIterator[ReadPool]:
    path = directory / "pool.sqlite"
    path.touch()
    connections = [Connection(f"reader {number}", lambda: connect_to_read(path)) for number in range(count)]
    for connection in connections:
        await connection
    pool = ReadPool(connections, path)
    try:
        yield pool
    finally:
        await pool.close()


async def test_questions_are_answered_side_by_side(tmp_path: Path) -> None:
    meeting = threading.Barrier(3)
    async with pool_of(3, tmp_path) as pool:
        # Each waits for the other two: one after the other, they would wait for ever.
        await asyncio.gather(*[pool.run(lambda db: meeting.wait(TIMEOUT_S)) for _ in range(3)])


def echo(number: int, db: sqlite3.Connection) -> int:
    answer: int = db.execute("SELECT ?", (number,)).fetchone()[0]
    return answer


async def test_a_question_waits_for_an_idle_connection(tmp_path: Path) -> None:
    async with pool_of(2, tmp_path) as pool:
        answers = await asyncio.gather(*[pool.run(partial(echo, number)) for number in range(50)])
        assert answers == list(range(50))


async def test_an_error_of_the_database_is_one_of_ours_and_names_the_file(tmp_path: Path) -> None:
    async with pool_of(1, tmp_path) as pool:
        with pytest.raises(StoreUnavailable, match=r"could not read .*pool\.sqlite: no such table") as caught:
            await pool.run(lambda db: db.execute("SELECT * FROM missing"))
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        assert await pool.run(lambda db: 1) == 1


async def test_a_caller_that_gives_up_takes_no_connection_away(tmp_path: Path) -> None:
    go_on = threading.Event()
    started = threading.Event()

    def wait(db: sqlite3.Connection) -> None:
        started.set()
        assert go_on.wait(TIMEOUT_S)

    async with pool_of(1, tmp_path) as pool:
        running = asyncio.ensure_future(pool.run(wait))
        waiting = asyncio.ensure_future(pool.run(lambda db: 2))
        await asyncio.to_thread(started.wait, TIMEOUT_S)
        for task in (waiting, running):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        go_on.set()
        assert await pool.run(lambda db: 3) == 3


async def test_a_closed_pool_says_so_also_to_those_who_waited(tmp_path: Path) -> None:
    go_on = threading.Event()
    async with pool_of(1, tmp_path) as pool:
        running = asyncio.ensure_future(pool.run(lambda db: go_on.wait(TIMEOUT_S)))
        waiting = asyncio.ensure_future(pool.run(lambda db: 2))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(pool.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreClosed):
            await pool.run(lambda db: 3)
        go_on.set()
        await closing
        assert await running
        with pytest.raises(StoreClosed):
            await waiting


async def hold_and_fail(pool: ReadPool) -> None:
    async with pool.held() as still:
        await still.run(lambda db: db.execute("SELECT count(*) FROM t").fetchone())
        raise ZeroDivisionError


async def test_a_held_connection_sees_the_database_of_one_moment(tmp_path: Path) -> None:
    def count(db: sqlite3.Connection) -> int:
        found: int = db.execute("SELECT count(*) FROM t").fetchone()[0]
        return found

    def count_in_a_snapshot(db: sqlite3.Connection) -> int:
        with snapshot(db):
            return count(db)

    async with pool_of(2, tmp_path) as pool:
        with closing(sqlite3.connect(tmp_path / "pool.sqlite", isolation_level=None)) as writer:
            writer.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (a);")
            async with pool.held() as still:
                assert await still.run(count) == 0
                writer.execute("INSERT INTO t VALUES (1)")
                assert await pool.run(count) == 1
                assert [await still.run(count_in_a_snapshot), await still.run(count)] == [0, 0]
                with pytest.raises(StoreUnavailable, match="no such table"):
                    await still.run(lambda db: db.execute("SELECT * FROM missing"))
            # And what was held is let go, also when the block raises.
            with pytest.raises(ZeroDivisionError):
                await hold_and_fail(pool)
            writer.execute("INSERT INTO t VALUES (2)")
            assert [await pool.run(count), await pool.run(count)] == [2, 2]
            assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
