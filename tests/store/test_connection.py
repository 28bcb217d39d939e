import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.store.connection import (
    Connection,
    closed_on_error,
    configure_to_write,
    connect_to_read,
    connect_to_write,
    is_io_error,
    result_code,
    rolled_back_on_error,
    snapshot,
    unavailable,
)
from minirelay.store.errors import StoreClosed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    # A name that would mean something else in a URI, were it not quoted.
    path = tmp_path / "a b?mode=memory#%41.sqlite"
    path.touch()
    return path


@pytest.fixture
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect_to_write(path)) as connection:
        configure_to_write(connection, "full")
        yield connection


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_writer_syncs_each_commit_unless_told_otherwise(path: Path) -> None:
    for durability, level in (("full", 2), ("normal", 1)):
        with closing(connect_to_write(path)) as connection:
            configure_to_write(connection, durability)  # type: ignore[arg-type]
            assert pragma(connection, "synchronous") == level
            assert pragma(connection, "journal_mode") == "wal"


def test_the_writer_does_not_create_a_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect_to_write(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_a_reader_can_not_write_and_never_checkpoints(path: Path, writing: sqlite3.Connection) -> None:
    writing.execute("CREATE TABLE t (a)")
    with closing(connect_to_read(path)) as reading:
        assert pragma(reading, "wal_autocheckpoint") == 0
        assert pragma(reading, "query_only") == 1
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reading.execute("INSERT INTO t VALUES (1)")
        reading.execute("PRAGMA query_only = OFF")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reading.execute("INSERT INTO t VALUES (1)")


def test_a_snapshot_sees_one_state_and_leaves_no_transaction(path: Path, writing: sqlite3.Connection) -> None:
    writing.execute("CREATE TABLE t (a)")
    with closing(connect_to_read(path)) as reading:
        with snapshot(reading):
            assert reading.execute("SELECT count(*) FROM t").fetchone() == (0,)
            writing.execute("INSERT INTO t VALUES (1)")
            assert reading.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert not reading.in_transaction
        with pytest.raises(ZeroDivisionError), snapshot(reading):
            raise ZeroDivisionError
        assert not reading.in_transaction
        assert reading.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_a_transaction_that_raises_is_undone(writing: sqlite3.Connection) -> None:
    writing.execute("CREATE TABLE t (a)")
    writing.execute("BEGIN")
    writing.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(ZeroDivisionError), rolled_back_on_error(writing):
        raise ZeroDivisionError
    assert not writing.in_transaction
    with pytest.raises(ZeroDivisionError), rolled_back_on_error(writing):
        raise ZeroDivisionError  # without a transaction there is nothing to undo
    assert writing.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_connection_is_closed_if_it_could_not_be_prepared(path: Path) -> None:
    connection = connect_to_write(path)
    with pytest.raises(ZeroDivisionError), closed_on_error(connection):
        raise ZeroDivisionError
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_the_cause_of_a_failure_is_kept() -> None:
    cause = sqlite3.OperationalError("database or disk is full")
    error = unavailable("store it", cause)
    assert str(error) == "could not store it: database or disk is full"
    assert error.__cause__ is cause


async def test_functions_run_in_the_connections_own_thread_in_order(path: Path) -> None:
    async with Connection("a thread", lambda: connect_to_read(path)) as connection:
        names = await asyncio.gather(
            *[connection.run(lambda db: threading.current_thread().name) for _ in range(3)]
        )
        assert names == ["a thread"] * 3
        assert await connection.run(lambda db: db.execute("SELECT 7").fetchone()) == (7,)


async def test_what_a_function_raises_reaches_the_caller(path: Path) -> None:
    async with Connection("a thread", lambda: connect_to_read(path)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await connection.run(lambda db: db.execute("SELECT * FROM missing"))


async def test_a_posted_function_is_run_after_what_came_before(path: Path) -> None:
    async with Connection("a thread", lambda: connect_to_read(path)) as connection:
        happened: list[str] = []
        first = asyncio.ensure_future(connection.run(lambda db: happened.append("run")))
        await asyncio.sleep(0)
        connection.post(lambda db: happened.append("posted"))
        await connection.run(lambda db: None)
        await first
        assert happened == ["run", "posted"]


async def test_a_closed_connection_says_so(path: Path) -> None:
    connection = Connection("a thread", lambda: connect_to_read(path))
    with pytest.raises(StoreClosed):
        connection.post(lambda db: None)
    await connection
    await connection.close()
    with pytest.raises(StoreClosed):
        await connection.run(lambda db: None)
    with pytest.raises(StoreClosed):
        connection.post(lambda db: None)


async def test_a_process_does_not_wait_for_the_thread(path: Path) -> None:
    async with Connection("a thread", lambda: connect_to_read(path)) as connection:
        assert await connection.run(lambda db: threading.current_thread().daemon)


def test_an_error_has_the_code_that_sqlite_gave_it(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError) as of_sqlite:
        db.execute("CREATE TABLE t (x)")
    assert result_code(of_sqlite.value) == sqlite3.SQLITE_READONLY
    assert result_code(sqlite3.ProgrammingError("the module's own")) == sqlite3.SQLITE_ERROR
    assert is_io_error(sqlite3.SQLITE_IOERR_FSYNC)
    assert not is_io_error(sqlite3.SQLITE_FULL)
