import asyncio
import os
import sqlite3
import sys
import threading
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.store import schema
from minirelay.store.database import FILE_NAME, READERS, Store, open_readonly
from minirelay.store.errors import (
    NotOurDatabase,
    SchemaTooNew,
    SchemaTooOld,
    SQLiteTooOld,
    StoreLocked,
    StoreUnreadable,
)
from minirelay.store.high_water import HIGH_WATER_FILE
from minirelay.store.schema import Migration, migrations, newest_of
from tests.store.examples import ShopLog, beginning
from tests.store.test_writer import ROOT, TIMEOUT_S, run_until_killed

LOOK = """
import asyncio, sys
from pathlib import Path
from minirelay.store.database import open_readonly
async def main():
    async with await open_readonly(Path(sys.argv[1])) as store:
        print((await store.reader.tail(1))[0])
asyncio.run(main())
"""

OPEN = LOOK.replace("open_readonly", "Store").replace("await Store(", "await Store.open(")


OPEN_WITHOUT_ROOM = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n{OPEN}"


async def run_script(script: str, directory: Path) -> tuple[int | None, str, str]:
    """Run a script in a process of its own; give its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        script,
        str(directory),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def wal_of(directory: Path) -> Path:
    return directory / f"{FILE_NAME}-wal"


def files_of(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir()}


async def fill(directory: Path, sets: int = 3) -> None:
    """Leave a database behind that was closed in order."""
    async with await Store.open(directory) as store:
        log = ShopLog()
        await asyncio.gather(*map(store.writer.commit, [*beginning(), *[log.add() for _ in range(sets)]]))


async def test_a_new_directory_is_made_with_private_files(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "data directory"
    async with await Store.open(directory) as store:
        await store.writer.probe()
        assert store.path == directory / FILE_NAME
        assert directory.stat().st_mode & 0o777 == 0o700
        for file in directory.iterdir():
            assert file.stat().st_mode & 0o777 == 0o600, file


async def test_what_was_stored_is_there_after_opening_again(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with await Store.open(tmp_path, durability="normal", readers=1) as store:
        assert (await store.reader.tail(1))[0] == 3
        assert (await store.reader.next_rows()).shop == 2
        level = await store.writer.connection.run(lambda db: db.execute("PRAGMA synchronous").fetchone())
        assert level == (1,)


async def test_an_orderly_end_leaves_one_whole_file(tmp_path: Path) -> None:
    await fill(tmp_path)
    assert files_of(tmp_path) == {FILE_NAME, HIGH_WATER_FILE, "minirelay.lock"}
    with closing(sqlite3.connect(f"file:{tmp_path / FILE_NAME}?immutable=1", uri=True)) as copy:
        assert copy.execute("SELECT count(*) FROM patch_set").fetchone() == (3,)


async def test_an_orderly_end_checkpoints_also_while_somebody_looks(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        await store.writer.probe()
        looking = await open_readonly(tmp_path)
        assert wal_of(tmp_path).stat().st_size > 0
    assert wal_of(tmp_path).stat().st_size == 0
    assert await looking.reader.get_meta("probe")
    await looking.close()
    assert wal_of(tmp_path).exists()


async def test_references_are_checked(store: Store) -> None:
    value = await store.writer.connection.run(lambda db: db.execute("PRAGMA foreign_keys").fetchone())
    assert value == (1,)


async def test_a_second_process_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        code, _, error = await run_script(OPEN, tmp_path)
        assert code == 1
        assert f"StoreLocked: {tmp_path}: in use by another minirelay (process id {os.getpid()})" in error
        with pytest.raises(StoreLocked):
            await Store.open(tmp_path)
        await store.writer.probe()
    assert (await run_script(OPEN, tmp_path))[:2] == (0, "0\n")


async def test_looking_beside_a_running_writer_sees_all_and_touches_nothing(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        log = ShopLog()
        await asyncio.gather(*map(store.writer.commit, beginning()))
        for seq in range(1, 4):
            await store.writer.commit(log.add())
            before = wal_of(tmp_path).read_bytes()
            assert await run_script(LOOK, tmp_path) == (0, f"{seq}\n", "")
            assert wal_of(tmp_path).read_bytes() == before
        async with await open_readonly(tmp_path) as looking:
            assert (await looking.reader.tail(1))[0] == 3
            await store.writer.commit(log.add())
            assert (await looking.reader.tail(1))[0] == 4


async def test_looking_without_anybody_writing(tmp_path: Path) -> None:
    await fill(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()
    assert await run_script(LOOK, tmp_path) == (0, "3\n", "")
    assert await run_script(LOOK, tmp_path) == (0, "3\n", "")
    assert (tmp_path / FILE_NAME).read_bytes() == before
    await Store.close(await Store.open(tmp_path))


async def test_looking_at_what_a_killed_process_left_does_not_tidy_up(tmp_path: Path) -> None:
    _, reported = await run_until_killed(tmp_path, 3)
    before = (tmp_path / FILE_NAME).read_bytes(), wal_of(tmp_path).read_bytes()
    code, out, error = await run_script(LOOK, tmp_path)
    assert (code, error) == (0, "")
    assert int(out) >= reported
    assert ((tmp_path / FILE_NAME).read_bytes(), wal_of(tmp_path).read_bytes()) == before
    async with await Store.open(tmp_path) as store:
        assert (await store.reader.tail(1))[0] == int(out)


async def test_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreadable, match=f"{tmp_path / FILE_NAME}: no such file; .*data_dir"):
        await open_readonly(tmp_path)
    assert files_of(tmp_path) == set()


async def test_what_is_there_and_cannot_be_opened_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnreadable, match="must exist, and belong"):
        await open_readonly(tmp_path / "file")


async def test_a_file_of_somebody_else_stays_untouched(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (a)")
    before = path.read_bytes()
    for opening in (Store.open, open_readonly):
        with pytest.raises(NotOurDatabase, match="another program"):
            await opening(tmp_path)
    path.write_bytes(b"no database at all, but long enough to be looked at " * 40)
    with pytest.raises(NotOurDatabase, match="not a database"):
        await Store.open(tmp_path)
    path.write_bytes(before)
    assert files_of(tmp_path) == {FILE_NAME, "minirelay.lock"}


async def test_a_newer_database_is_refused_and_stays_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tmp_path)
    newer = (
        *migrations(),
        Migration(newest_of(migrations()) + 1, "9999_newer.sql", "CREATE TABLE newer (a INTEGER) STRICT;"),
    )
    with monkeypatch.context() as patch:
        patch.setattr(schema, "migrations", lambda: newer)
        with pytest.raises(SchemaTooOld):
            await open_readonly(tmp_path)
        async with await Store.open(tmp_path) as store:
            assert (await store.reader.tail(1))[0] == 3
    assert f"minirelay.schema-{newest_of(migrations())}.sqlite" in files_of(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()
    for opening in (Store.open, open_readonly):
        with pytest.raises(SchemaTooNew, match="newer minirelay"):
            await opening(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


async def test_an_old_sqlite_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirelay.store.one_step.MIN_SQLITE", (99, 0, 0))
    for opening in (Store.open, open_readonly):
        with pytest.raises(SQLiteTooOld):
            await opening(tmp_path / "data")
    assert files_of(tmp_path) == set()


@pytest.mark.parametrize("name", ["file", "file/below"])
async def test_a_data_directory_that_cannot_be_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnreadable, match=str(tmp_path / name)):
        await Store.open(tmp_path / name)


async def test_a_database_that_is_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StoreUnreadable, match=FILE_NAME):
        await Store.open(tmp_path)


async def test_an_empty_file_of_an_interrupted_start_is_used(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    async with await Store.open(tmp_path) as store:
        assert await store.reader.shops() == []


async def test_nothing_stays_open_after_closing_or_failing(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    descriptors = len(os.listdir("/proc/self/fd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = await Store.open(tmp_path)
        started = set(threading.enumerate()) - before
        assert len(started) == 1 + READERS
        await store.close()
        await store.close()
        async with await open_readonly(tmp_path) as looking:
            await looking.reader.shops()
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / FILE_NAME).write_bytes(b"no database" * 100)
        with pytest.raises(NotOurDatabase):
            await Store.open(tmp_path / "other")
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("minirelay"):
            thread.join(TIMEOUT_S)  # it has been told to end
            assert not thread.is_alive()
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_a_checkpoint_that_fails_does_not_keep_the_store_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await Store.open(tmp_path)
    await store.writer.connection.run(lambda db: db.execute("PRAGMA busy_timeout = 10"))
    await store.writer.probe()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as intruder:
        intruder.execute("BEGIN")
        intruder.execute("SELECT * FROM meta").fetchone()
        await store.writer.probe()
        await store.close()
    async with await Store.open(tmp_path) as again:
        assert await again.reader.get_meta("probe")


async def test_a_disk_without_room_is_said_to_be_the_reason(tmp_path: Path) -> None:
    await fill(tmp_path)
    code, _, error = await run_script(OPEN_WITHOUT_ROOM, tmp_path)
    assert code == 1
    assert (
        f"StoreUnreadable: {tmp_path / FILE_NAME}: disk I/O error; the disk may be full or failing" in error
    )
    async with await Store.open(tmp_path) as store:
        assert (await store.reader.tail(1))[0] == 3
