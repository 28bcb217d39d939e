import shutil
import sqlite3
import subprocess
import sys
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
@pytest.mark.parametrize("name", [NAME, f"{NAME}-wal", f"{NAME}-shm"])
def test_a_file_that_is_gone_or_another_is_noticed(
    database: sqlite3.Connection, tmp_path: Path, clock: Clock, name: str, change: Callable[[Path], None]
) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    identity.check()
    change(tmp_path / name)
    clock.later()
    with pytest.raises(DatabaseReplaced, match=name):
        identity.check()


@pytest.mark.parametrize("names", [[NAME], [NAME, f"{NAME}-wal"], [NAME, f"{NAME}-wal", f"{NAME}-shm"]])
def test_when_the_same_files_are_back_as_they_were_left_it_is_over(
    database: sqlite3.Connection, tmp_path: Path, clock: Clock, names: list[str]
) -> None:
    # Refused for ever it was before: then only because it was not looked whether anything else wrote to it.
    identity = FileIdentity(tmp_path / NAME, clock)
    write(identity, database)
    away = tmp_path / "away"
    away.mkdir()
    for name in names:
        (tmp_path / name).rename(away / name)
    refused(identity, clock, NAME)
    for name in names:
        (away / name).rename(tmp_path / name)
    clock.later()
    write(identity, database)


def test_another_database_in_its_place_is_refused_until_the_first_is_back(
    database: sqlite3.Connection, tmp_path: Path, clock: Clock
) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    move_away(tmp_path / NAME)
    shutil.copy(tmp_path / "elsewhere", tmp_path / NAME)
    for _ in range(3):
        refused(identity, clock, "or restart the relay")
    (tmp_path / "elsewhere").replace(tmp_path / NAME)
    clock.later()
    write(identity, database)


def by_its_other_name(elsewhere: Path, _path: Path) -> None:
    """Another program writes to it where it is, and moves its own log into it."""
    open_for_ever(elsewhere, "PRAGMA user_version = 7", "PRAGMA wal_checkpoint(PASSIVE)")


def with_its_log(elsewhere: Path, path: Path) -> None:
    """Another program opens the database that lies in its place, with our write-ahead log."""
    shutil.copy(elsewhere, path)
    open_for_ever(path, "INSERT INTO t VALUES (1)")


def moving_its_log(elsewhere: Path, path: Path) -> None:
    """Another program moves our write-ahead log into the database that lies in its place."""
    shutil.copy(elsewhere, path)
    open_for_ever(path, "PRAGMA wal_checkpoint(PASSIVE)")


def open_for_ever(path: Path, *statements: str) -> None:
    """Carry out statements in a process that is killed then: to close would remove the log."""
    code = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "[db.execute(sql).fetchall() for sql in sys.argv[2:]]; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path), *statements], check=True, timeout=30)


@pytest.mark.parametrize("change", [by_its_other_name, with_its_log, moving_its_log])
def test_what_another_program_wrote_to_meanwhile_stays_refused(
    database: sqlite3.Connection, tmp_path: Path, clock: Clock, change: Callable[[Path, Path], None]
) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    write(identity, database)
    move_away(tmp_path / NAME)
    change(tmp_path / "elsewhere", tmp_path / NAME)
    refused(identity, clock, NAME)
    (tmp_path / "elsewhere").replace(tmp_path / NAME)
    for _ in range(2):
        refused(identity, clock, "restart the relay: .*changed by another program while it was moved away")


def test_what_was_stored_while_it_went_is_refused_for_good(
    database: sqlite3.Connection, tmp_path: Path, clock: Clock
) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    identity.begin_write()
    move_away(tmp_path / NAME)
    database.execute("INSERT INTO t VALUES (1)")
    clock.later()
    with pytest.raises(DatabaseReplaced):
        identity.confirm_stored()
    identity.end_write()
    (tmp_path / "elsewhere").rename(tmp_path / NAME)
    refused(identity, clock, "restart the relay: .*during a write")


def test_it_is_not_back_before_a_write_that_is_under_way_has_ended(
    database: sqlite3.Connection, tmp_path: Path, clock: Clock
) -> None:
    identity = FileIdentity(tmp_path / NAME, clock)
    identity.begin_write()
    move_away(tmp_path / NAME)
    refused(identity, clock, NAME)
    (tmp_path / "elsewhere").rename(tmp_path / NAME)
    database.execute("INSERT INTO t VALUES (1)")
    refused(identity, clock, NAME)
    identity.end_write()
    clock.later()
    identity.check()


def write(identity: FileIdentity, database: sqlite3.Connection) -> None:
    """Write as the store does."""
    identity.begin_write()
    database.execute("INSERT INTO t VALUES (1)")
    identity.confirm_stored()
    identity.end_write()


def refused(identity: FileIdentity, clock: Clock, match: str) -> None:
    clock.later()
    with pytest.raises(DatabaseReplaced, match=match):
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
