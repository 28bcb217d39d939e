import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minirelay.store.errors import DatabaseReplaced
from minirelay.store.file_identity import CHECK_S, FileIdentity

NAME = "minirelay.sqlite"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def later(self) -> None:
        self.now += CHECK_S


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    yield connection
    connection.close()


def replace_with_copy(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


def move_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


@pytest.mark.parametrize("change", [replace_with_copy, move_away, Path.unlink])
@pytest.mark.parametrize("name", [NAME, f"{NAME}-wal"])
def test_a_file_that_is_gone_or_another_is_noticed(
    database: sqlite3.Connection, tmp_path: Path, clock: Clock, name: str, change: Callable[[Path], None]
) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    identity.check()
    change(tmp_path / name)
    clock.later()
    with pytest.raises(DatabaseReplaced, match=name):
        identity.check()


def test_once_noticed_it_stays_so(database: sqlite3.Connection, tmp_path: Path, clock: Clock) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    move_away(tmp_path / NAME)
    with pytest.raises(DatabaseReplaced):
        identity.check()
    (tmp_path / "elsewhere").rename(tmp_path / NAME)
    clock.later()
    with pytest.raises(DatabaseReplaced):
        identity.check()


def test_writing_and_checkpointing_change_nothing(
    database: sqlite3.Connection, tmp_path: Path, clock: Clock
) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    for mode in ("PASSIVE", "FULL", "RESTART", "TRUNCATE"):
        database.execute("INSERT INTO t VALUES (zeroblob(100000))")
        database.execute(f"PRAGMA wal_checkpoint({mode})")
        clock.later()
        identity.check()


def test_the_write_ahead_log_may_come_later(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / NAME
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    identity = FileIdentity(path, clock)
    identity.check()
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("INSERT INTO t VALUES (1)")
    for _ in range(2):
        clock.later()
        identity.check()
    connection.close()


def test_it_looks_once_a_second(database: sqlite3.Connection, tmp_path: Path, clock: Clock) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    identity.check()
    move_away(tmp_path / NAME)
    identity.check()
    clock.later()
    with pytest.raises(DatabaseReplaced):
        identity.check()
