import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.store.backup import write_backup
from minirelay.store.connection import configure_to_write, connect_to_read, connect_to_write
from minirelay.store.errors import StoreUnavailable


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.sqlite"
    path.touch()
    with closing(connect_to_write(path)) as connection:
        configure_to_write(connection, "full")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (x'0001')")
    return path


def content(path: Path) -> list[tuple[bytes]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT a FROM t").fetchall()


def test_a_backup_holds_what_the_write_ahead_log_holds_and_is_private(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "it's a backup.sqlite"
    with closing(connect_to_write(source)) as connection:
        connection.execute("INSERT INTO t VALUES (x'02')")
        write_backup(connection, target)
        connection.execute("INSERT INTO t VALUES (x'03')")
    assert content(target) == [(b"\x00\x01",), (b"\x02",)]
    assert target.stat().st_mode & 0o777 == 0o600
    assert not target.with_name(target.name + ".part").exists()


def test_a_backup_can_be_made_by_a_reader(source: Path, tmp_path: Path) -> None:
    with closing(connect_to_read(source)) as connection:
        write_backup(connection, tmp_path / "backup")
        assert connection.execute("PRAGMA query_only").fetchone() == (1,)
    assert content(tmp_path / "backup") == [(b"\x00\x01",)]


def test_an_older_backup_and_the_rest_of_a_failed_one_are_replaced(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    target.write_bytes(b"older")
    target.with_name("backup.part").write_bytes(b"half of one")
    with closing(connect_to_write(source)) as connection:
        write_backup(connection, target)
    assert content(target) == [(b"\x00\x01",)]


def test_a_backup_is_given_up_when_there_is_no_more_room(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    target.write_bytes(b"older")
    looks = []

    def check_room() -> None:
        looks.append(target.with_name("backup.part").stat().st_size)
        if len(looks) > 3:
            raise StoreUnavailable("the disk gets full")

    with closing(connect_to_write(source)) as connection:
        rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
        connection.execute(f"INSERT INTO t {rows} SELECT randomblob(16) FROM n")
        with pytest.raises(StoreUnavailable, match=r"^the disk gets full$"):
            write_backup(connection, target, check_room)
        assert len(looks) == 4
        assert target.read_bytes() == b"older"
        assert not target.with_name("backup.part").exists()
        write_backup(connection, target)
        assert len(looks) == 4


def test_a_failed_backup_leaves_the_older_one(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    target.write_bytes(b"older")
    with closing(connect_to_write(source)) as connection:
        connection.execute("BEGIN")
        with pytest.raises(StoreUnavailable, match=r"could not write the backup .*backup: .*transaction"):
            write_backup(connection, target)
    assert target.read_bytes() == b"older"
    assert not target.with_name("backup.part").exists()


def test_a_directory_that_is_missing_is_named(source: Path, tmp_path: Path) -> None:
    with (
        closing(connect_to_write(source)) as connection,
        pytest.raises(StoreUnavailable, match="nowhere"),
    ):
        write_backup(connection, tmp_path / "nowhere" / "backup")
