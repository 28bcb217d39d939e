import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from minirelay.store import wal_space
from minirelay.store.batch import Writable
from minirelay.store.database import FILE_NAME, Store
from minirelay.store.wal_space import PAGE_BYTES, PIECE_BYTES, WalSpace
from minirelay.store.writer import Writer
from tests.store.examples import ShopLog
from tests.store.test_writer import ROOT, TIMEOUT_S, held_up, stored_seqs
from tests.store.wal_frames import FRAME_BYTES, count_frames, wal_of


class SpaciousWriter:
    """Commits, and waits until room was made behind that."""

    def __init__(self, store: Store) -> None:
        self.space = WalSpace(store.path)
        self._loop = asyncio.get_running_loop()
        self._is_done = asyncio.Event()
        self._writer = Writer(store.writer.connection, make_room=self._make_room)

    async def commit(self, part: Writable) -> None:
        self._is_done.clear()
        await self._writer.commit(part)
        await self._is_done.wait()

    def _make_room(self, is_awaited: Callable[[], bool]) -> None:
        self.space.extend(is_awaited)
        self._loop.call_soon_threadsafe(self._is_done.set)


@pytest.fixture
async def writer(store: Store) -> AsyncIterator[SpaciousWriter]:
    made = SpaciousWriter(store)
    yield made
    made.space.close()


async def test_commits_overwrite_room_that_was_made_before(writer: SpaciousWriter, tmp_path: Path) -> None:
    wal, log = wal_of(tmp_path), ShopLog()
    await writer.commit(log.add(size_bytes=PIECE_BYTES))
    size_bytes, frames = wal.stat().st_size, count_frames(wal)
    for _ in range(20):
        await writer.commit(log.add())
    assert count_frames(wal) >= frames + 20
    assert wal.stat().st_size == size_bytes


async def test_a_commit_that_used_it_up_has_more_made(writer: SpaciousWriter, tmp_path: Path) -> None:
    wal, log = wal_of(tmp_path), ShopLog()
    for _ in range(3):
        await writer.commit(log.add(size_bytes=2 * PIECE_BYTES))
        assert wal.stat().st_size - count_frames(wal) * FRAME_BYTES > PIECE_BYTES - FRAME_BYTES


async def test_no_more_is_made_than_a_checkpoint_leaves(
    writer: SpaciousWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wal, log = wal_of(tmp_path), ShopLog()
    monkeypatch.setattr(wal_space, "MOST_BYTES", wal.stat().st_size)
    await writer.commit(log.add(size_bytes=2 * PIECE_BYTES))
    assert wal.stat().st_size < (count_frames(wal) + 2) * FRAME_BYTES


async def test_what_lies_behind_the_last_commit_is_no_part_of_the_log(
    writer: SpaciousWriter, tmp_path: Path
) -> None:
    log = ShopLog()
    for _ in range(3):
        await writer.commit(log.add(size_bytes=PIECE_BYTES))
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        shutil.copy(tmp_path / name, killed / name)
    assert wal_of(killed).read_bytes().endswith(bytes(PIECE_BYTES))
    async with await Store.open(killed) as again:
        assert await stored_seqs(again) == [1, 2, 3]
        await again.writer.commit(log.add())
        assert await stored_seqs(again) == [1, 2, 3, 4]


async def test_who_waits_for_a_commit_does_not_wait_for_more_room(store: Store) -> None:
    is_told = threading.Event()
    waited: list[bool] = []
    made = asyncio.Event()
    loop = asyncio.get_running_loop()

    def make_room(_: Callable[[], bool]) -> None:
        waited.append(is_told.wait(TIMEOUT_S))
        loop.call_soon_threadsafe(made.set)

    await Writer(store.writer.connection, make_room=make_room).commit(ShopLog().add())
    is_told.set()
    await made.wait()
    assert waited == [True]


async def test_it_is_said_whether_others_wait_for_the_thread(store: Store) -> None:
    seen: list[bool] = []
    writer = Writer(store.writer.connection, make_room=lambda is_awaited: seen.append(is_awaited()))
    log = ShopLog()
    async with held_up(store):
        commits = [writer.commit(log.add())]
        # The first is on its way to the thread.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        commits.append(writer.commit(log.add()))
    await asyncio.gather(*commits)
    await store.writer.connection.run(lambda _: None)
    assert seen[0]


async def test_no_room_is_made_after_a_commit_that_failed(store: Store) -> None:
    made: list[None] = []
    writer = Writer(store.writer.connection, make_room=lambda _: made.append(None))
    log = ShopLog(seq=7)
    (failure,) = await asyncio.gather(writer.commit(log.add()), return_exceptions=True)
    assert failure is not None
    await store.writer.connection.run(lambda _: None)
    assert made == []


@pytest.mark.parametrize("pages", [0, 3])
def test_when_others_come_the_rest_is_left_for_later(tmp_path: Path, pages: int) -> None:
    wal = wal_of(tmp_path)
    wal.write_bytes(b"x")
    space = WalSpace(tmp_path / FILE_NAME)
    answers = iter([False] * (pages + 1) + [True])
    space.extend(lambda: next(answers))
    assert wal.stat().st_size == 1 + pages * PAGE_BYTES
    with wal.open("ab") as file:
        file.write(b"x")
    space.extend(lambda: False)
    assert wal.stat().st_size == 2 + pages * PAGE_BYTES + PIECE_BYTES
    space.close()


def test_while_others_wait_none_is_made(tmp_path: Path) -> None:
    wal = wal_of(tmp_path)
    wal.write_bytes(b"x")
    space = WalSpace(tmp_path / FILE_NAME)
    space.extend(lambda: True)
    assert wal.stat().st_size == 1
    space.extend(lambda: False)
    assert wal.stat().st_size == 1 + PIECE_BYTES
    space.close()


LIMIT_BYTES = 100_000

ON_A_FULL_DISK = f"""
import resource, sys
from pathlib import Path
from minirelay.store.wal_space import WalSpace
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT_BYTES}, resource.RLIM_INFINITY))
space = WalSpace(Path(sys.argv[1]))
space.extend(lambda: False)
space.extend(lambda: False)
space.close()
"""


def test_where_there_is_no_room_nothing_is_made_and_nobody_hears_of_it(tmp_path: Path) -> None:
    wal_of(tmp_path).write_bytes(b"x")
    subprocess.run(
        [sys.executable, "-W", "error", "-c", ON_A_FULL_DISK, str(tmp_path / FILE_NAME)], check=True, cwd=ROOT
    )
    assert wal_of(tmp_path).stat().st_size == LIMIT_BYTES


def test_a_database_without_a_log_is_left_as_it_is(tmp_path: Path) -> None:
    space = WalSpace(tmp_path / FILE_NAME)
    space.extend(lambda: False)
    space.close()
    space.close()
    assert os.listdir(tmp_path) == []
