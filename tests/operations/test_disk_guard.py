"""The guard of the disk's free space."""

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from minirelay.operations.disk_guard import DiskGuard, free_bytes

FLOOR = 800


@dataclass
class Disk:
    """A disk of which a test says what is free. error: of the next looks."""

    free: int = 10_000
    error: OSError | None = None
    looks: list[Path] = field(default_factory=list)

    def measure(self, directory: Path) -> int:
        self.looks.append(directory)
        if self.error is not None:
            raise self.error
        return self.free

    def guard(self, floor: int = FLOOR) -> DiskGuard:
        return DiskGuard(Path("/data"), floor, self.measure)


def test_what_is_free_is_what_anybody_may_write(tmp_path: Path) -> None:
    assert 0 < free_bytes(tmp_path) < 2**60


async def test_the_disk_of_the_data_directory_is_looked_at() -> None:
    disk = Disk()
    guard = disk.guard()
    await guard.look()
    assert (guard.free_bytes, disk.looks) == (10_000, [Path("/data")])


async def test_it_is_low_below_the_floor_until_an_eighth_more_is_free() -> None:
    disk = Disk()
    guard = disk.guard()
    said = []
    for free in (801, 800, 799, 0, 800, 899, 900, 800, 799, 900):
        disk.free = free
        await guard.look()
        said.append((free, guard.is_low()))
    assert said == [
        (801, False),
        (800, False),
        (799, True),
        (0, True),
        (800, True),
        (899, True),
        (900, False),
        (800, False),
        (799, True),
        (900, False),
    ]


async def test_it_is_near_before_it_is_low() -> None:
    disk = Disk()
    guard = disk.guard()
    said = []
    for free in (1600, 1599, 799, 900, 1799, 1800):
        disk.free = free
        await guard.look()
        said.append((guard.is_near(), guard.is_low()))
    assert said == [
        (False, False),
        (True, False),
        (True, True),
        (True, False),
        (True, False),
        (False, False),
    ]


async def test_without_a_floor_it_is_never_low() -> None:
    disk = Disk(free=0)
    guard = disk.guard(floor=0)
    await guard.look()
    assert not guard.is_near()
    assert not guard.is_low()


async def test_what_can_not_be_read_changes_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = Disk(free=1)
    guard = disk.guard()
    await guard.look()
    disk.error = OSError("Stale file handle")
    for _ in range(3):
        await guard.look()
    assert guard.is_low()
    assert [one.message for one in caplog.records if one.levelno == logging.WARNING] == [
        "free disk space could not be read"
    ]
    disk.error, disk.free = None, 10_000
    await guard.look()
    assert not guard.is_low()


async def test_the_log_has_a_line_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    disk = Disk()
    guard = disk.guard()
    for free in (10_000, 1, 2, 10_000, 10_001):
        disk.free = free
        await guard.look()
    assert [(one.levelname, one.message.partition(":")[0]) for one in caplog.records] == [
        ("ERROR", "the disk is nearly full"),
        ("INFO", "the disk has room again"),
    ]


async def test_it_looks_again_and_again() -> None:
    disk = Disk(free=1)
    guard = disk.guard()
    running = asyncio.create_task(guard.run(every_s=0.001))
    async with asyncio.timeout(10):
        while len(disk.looks) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait([running])
    assert guard.is_low()
