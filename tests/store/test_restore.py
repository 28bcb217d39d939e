"""Putting a backup in the place of a database, interrupted anywhere; the rest is tested with `operations`."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.store import restore
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.errors import StoreUnavailable
from minirelay.store.restore import known_ends, put_in_place, read_ends
from tests.store.examples import beginning

NOON = 1_800_000_000


async def fill(directory: Path) -> None:
    async with await Store.open(directory) as store:
        for commit in beginning():
            await store.writer.commit(commit)


async def test_what_interrupts_it_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tmp_path / "data")
    await fill(tmp_path / "other")
    database, backup = tmp_path / "data" / FILE_NAME, tmp_path / "other" / FILE_NAME
    before = known_ends(database)
    for step in ("treat_as_restored", "survey", "_swap", "_keep"):

        def fails(*_given: object, **_more: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(restore, step, fails)
            with pytest.raises(StoreUnavailable, match="No space left"):
                put_in_place(backup, database, before, made_at=NOON, restored_at=NOON)
        assert known_ends(database) == before
        assert not [path for path in (tmp_path / "data").iterdir() if "restoring" in path.name]


async def test_what_is_in_the_log_of_the_old_database_never_gets_into_the_new_one(tmp_path: Path) -> None:
    await fill(tmp_path / "data")
    await fill(tmp_path / "other")
    database, backup = tmp_path / "data" / FILE_NAME, tmp_path / "other" / FILE_NAME
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO meta (key, value) VALUES ('late', x'01')")
        # As a kill leaves it: with a log.
        for suffix in ("", "-wal"):
            source = database.with_name(FILE_NAME + suffix)
            (tmp_path / f"left{suffix}").write_bytes(source.read_bytes())
    for suffix in ("", "-wal"):
        os.replace(tmp_path / f"left{suffix}", database.with_name(FILE_NAME + suffix))
    kept = put_in_place(backup, database, {}, made_at=NOON - 60, restored_at=NOON)
    assert kept is not None
    assert not database.with_name(f"{FILE_NAME}-wal").exists()
    with closing(sqlite3.connect(database)) as connection:
        ((kind, told_of),) = connection.execute("SELECT kind, told_of FROM alert").fetchall()
    assert kind == "restored"
    assert "from 2027-01-15 07:59 to 2027-01-15 08:00 UTC" in told_of
    for path, found in ((database, []), (kept, [(b"\x01",)])):
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT value FROM meta WHERE key = 'late'").fetchall() == found


async def test_a_database_without_a_schema_has_no_logs(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read_ends(tmp_path / "empty") == {}
