"""Backups by the clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from minirelay.operations.backup_schedule import BackupSchedule
from minirelay.operations.backups import back_up
from minirelay.operations.manifest import read_manifest
from minirelay.store.database import Store
from tests.operations.databases import write

DAY_S = 86_400.0


class Time:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    await asyncio.to_thread(write, tmp_path / "data", 1)
    async with await Store.open(tmp_path / "data") as opened:
        yield opened


def schedule(
    store: Store, target: Path, clock: Time | None = None, *, interval_s: float = DAY_S
) -> BackupSchedule:
    return BackupSchedule(store.path.parent, target, clock or Time(), interval_s=interval_s, keep=2)


async def until_made(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.05)


async def test_one_is_made_at_once_where_there_is_none_then_each_interval(
    store: Store, tmp_path: Path
) -> None:
    clock, target = Time(), tmp_path / "backup"
    scheduled = schedule(store, target, clock)
    assert scheduled.due_in_s() == 0
    assert await scheduled.back_up()
    made = read_manifest(target)
    assert made is not None
    assert DAY_S - 60 < scheduled.due_in_s() <= DAY_S
    clock.now += timedelta(days=0.75)
    assert abs(scheduled.due_in_s() - DAY_S / 4) < 60
    clock.now += timedelta(days=1)
    assert scheduled.due_in_s() == 0
    clock.now -= timedelta(days=10)
    assert scheduled.due_in_s() == DAY_S
    target.unlink()
    assert scheduled.due_in_s() == 0
    assert scheduled.failure is None


async def test_they_are_made_again_and_again(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    task = asyncio.create_task(schedule(store, target, interval_s=0.05).run())
    async with asyncio.timeout(30):
        await until_made(target.with_name("backup.1"))
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_one_that_fails_says_why_until_one_is_made(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "stick" / "backup"
    scheduled = schedule(store, target)
    assert not scheduled.was_tried
    assert not await scheduled.back_up()
    assert scheduled.was_tried
    assert "No such file or directory" in str(scheduled.failure)
    target.parent.mkdir()
    assert await scheduled.back_up()
    assert scheduled.failure is None


async def test_none_is_begun_while_the_disk_is_low(store: Store, tmp_path: Path) -> None:
    scheduled = BackupSchedule(
        store.path.parent, tmp_path / "backup", Time(), interval_s=1, keep=1, is_disk_low=lambda: True
    )
    assert not await scheduled.back_up()
    assert "disk_floor" in str(scheduled.failure)


async def test_one_that_is_made_knows_the_floor(store: Store, tmp_path: Path) -> None:
    scheduled = BackupSchedule(
        store.path.parent, tmp_path / "backup", Time(), interval_s=1, keep=1, floor_bytes=2**60
    )
    assert not await scheduled.back_up()
    assert "a backup needs" in str(scheduled.failure)


async def test_a_relay_that_stops_ends_it(store: Store, tmp_path: Path) -> None:
    task = asyncio.create_task(schedule(store, tmp_path / "backup").run())
    await asyncio.sleep(0.2)  # anywhere in it
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await asyncio.to_thread(back_up, store.path.parent, tmp_path / "backup")
