import asyncio
import logging
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from minirelay.store.database import FILE_NAME, Store
from minirelay.store.errors import StoreUnreadable
from minirelay.store.wal_recovery import overwrite_failed, sync_recovered_wal
from tests.failing_fsync import FailingFsync, failing_fsync
from tests.store import unsynced_process
from tests.store.test_writer import ROOT

OPEN = """
import asyncio, sys
from pathlib import Path
from minirelay.store.database import Store
from minirelay.store.errors import StoreError
async def main():
    try:
        async with await Store.open(Path(sys.argv[1]), sys.argv[2]):
            print("opened")
    except StoreError as error:
        print(error)
asyncio.run(main())
"""


@pytest.fixture
def disk(tmp_path: Path) -> FailingFsync:
    return failing_fsync(tmp_path)


async def run(disk: FailingFsync, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | disk.variables,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def leave_unsynced(disk: FailingFsync, data: Path, *sizes: int) -> None:
    """Let a process have sets refused because syncing failed, and end it as if it was killed."""
    arguments = [str(data), str(disk.flag), *map(str, sizes)]
    await run(disk, "-m", unsynced_process.__name__, *arguments)


@pytest.mark.parametrize("sizes", [[300], [300] * 20, [100_000], [5, 2_000_000, 5]])
async def test_what_was_refused_does_not_come_back_after_a_kill(
    disk: FailingFsync, tmp_path: Path, sizes: list[int]
) -> None:
    data = tmp_path / "data"
    await leave_unsynced(disk, data, *sizes)
    async with await Store.open(data) as store:
        assert (await store.reader.tail(1))[0] == unsynced_process.ACKNOWLEDGED


async def test_a_database_is_not_opened_while_what_is_in_it_cannot_be_synced(
    disk: FailingFsync, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    await leave_unsynced(disk, data, 300)
    said = await run(disk, "-c", OPEN, str(data), "full")
    assert said == (
        f"{data / FILE_NAME}-wal: Input/output error; check the disk, and that the file is minirelay's own\n"
    )
    # Where what was acknowledged need not be on disk, nothing is promised.
    assert await run(disk, "-c", OPEN, str(data), "normal") == "opened\n"
    disk.end()
    assert await run(disk, "-c", OPEN, str(data), "full") == "opened\n"


def test_without_a_write_ahead_log_there_is_nothing_to_sync(tmp_path: Path) -> None:
    sync_recovered_wal(tmp_path / FILE_NAME)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_even_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / f"{FILE_NAME}-wal").mkdir()
    with pytest.raises(StoreUnreadable, match="-wal: Is a directory"):
        sync_recovered_wal(tmp_path / FILE_NAME)


def failure(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "is_told"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_IOERR_SHMSIZE, True),
        (sqlite3.SQLITE_IOERR_WRITE, False),
        (sqlite3.SQLITE_FULL, False),
    ],
)
def test_what_may_come_back_and_cannot_be_overwritten_is_logged(
    db: sqlite3.Connection, caplog: pytest.LogCaptureFixture, code: int, is_told: bool
) -> None:
    with caplog.at_level(logging.ERROR):
        overwrite_failed(db, failure(code))
        assert not caplog.messages
        db.execute("PRAGMA query_only = ON")
        overwrite_failed(db, failure(code))
    assert [("may come back" in message) for message in caplog.messages] == [True] * is_told
