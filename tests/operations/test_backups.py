"""Backing up: whole and checked, or not at all."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.operations import backups
from minirelay.operations.backups import BackupDamaged, back_up, describe
from minirelay.operations.manifest import (
    Manifest,
    hash_file,
    manifest_path,
    read_manifest,
    write_manifest,
)
from minirelay.store.database import FILE_NAME
from minirelay.store.errors import StoreUnavailable, StoreUnreadable
from minirelay.store.schema import migrations, newest_of
from tests.operations.databases import fill, roots, write
from tests.relay.house import SHOP, listing, running_relay


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_backup_says_what_is_in_it(tmp_path: Path) -> None:
    expected = fill(tmp_path / "data")
    told: list[str] = []
    made = back_up(tmp_path / "data", tmp_path / "backup", tell=told.append)
    assert roots(made) == expected
    assert made.schema == newest_of(migrations())
    assert made.sha256 == hash_file(tmp_path / "backup")
    assert made.size_bytes == (tmp_path / "backup").stat().st_size
    assert read_manifest(tmp_path / "backup") == Manifest(made)
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["backup", "backup.json", "data"]
    assert len(told) == 3


def test_a_backup_beside_a_running_relay_is_of_one_moment(tmp_path: Path) -> None:
    async def run() -> None:
        async with running_relay(tmp_path / "data") as house:
            clerk = await house.clerk()
            root, is_over = b"", asyncio.Event()

            async def go_on() -> None:
                number = 10
                while not is_over.is_set():
                    await clerk.write(listing(number))
                    number += 1

            root = await clerk.write(listing(1))
            made = await asyncio.to_thread(back_up, tmp_path / "data", tmp_path / "quiet")
            assert roots(made) == {SHOP: f"0x{root.hex()}"}
            writing = asyncio.create_task(go_on())
            for number in range(3):
                await asyncio.to_thread(back_up, tmp_path / "data", tmp_path / f"busy{number}")
            is_over.set()
            await writing

    asyncio.run(run())
    for number in range(3):
        found = read_manifest(tmp_path / f"busy{number}")
        assert found is not None
        assert describe(tmp_path / f"busy{number}").shops == found.current.shops


def test_so_many_backups_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "backup"
    made = []
    for number in range(1, 5):
        write(tmp_path / "data", number)
        made.append(back_up(tmp_path / "data", target, keep=3))
    kept = [target, tmp_path / "backup.1", tmp_path / "backup.2"]
    assert names(tmp_path) == [
        "backup",
        "backup.1",
        "backup.1.json",
        "backup.2",
        "backup.2.json",
        "backup.json",
        "data",
    ]
    for path, expected in zip(kept, reversed(made), strict=False):
        manifest = read_manifest(path)
        assert manifest is not None
        assert manifest.find(hash_file(path)) == expected


def test_the_last_good_one_stays_until_the_next_is_good(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "backup"
    write(data, 1)
    good = back_up(data, target)
    with closing(sqlite3.connect(data / FILE_NAME)) as connection:
        connection.execute("UPDATE object SET value = x'00'")
        connection.commit()
    with pytest.raises(BackupDamaged):
        back_up(data, target)
    assert names(tmp_path) == ["backup", "backup.json", "data"]
    assert hash_file(target) == good.sha256


def test_a_kill_between_backup_and_manifest_leaves_one_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, target = tmp_path / "data", tmp_path / "backup"
    write(data, 1)
    first = back_up(data, target)
    write(data, 2)

    def die(path: Path, manifest: Manifest) -> None:
        write_manifest(path, manifest)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backups, "write_manifest", die)
        with pytest.raises(KeyboardInterrupt):
            back_up(data, target)
    found = read_manifest(target)
    assert found is not None
    assert found.find(hash_file(target)) == first
    assert found.current != first
    second = back_up(data, target)
    assert read_manifest(target) == Manifest(second, first)


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6])
def test_a_backup_that_is_killed_leaves_the_last_good_one(tmp_path: Path, delay_s: float) -> None:
    data, target = tmp_path / "data", tmp_path / "backup"
    write(data, *range(1, 30))
    back_up(data, target)
    write(data, 31)
    command = [sys.executable, "-m", "minirelay.cli.main", "backup", str(target), "--data-dir", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(delay_s)  # anywhere in it
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    manifest = read_manifest(target)
    assert manifest is not None
    found = manifest.find(hash_file(target))
    assert found is not None
    assert describe(target).shops == found.shops


def test_a_disk_without_room_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "data", 1)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(2**30, 2**30, 10 * 2**20))
    with pytest.raises(StoreUnavailable, match=r"10 MiB free.*make room"):
        back_up(tmp_path / "data", tmp_path / "backup")
    assert names(tmp_path) == ["data"]


def test_a_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    write(tmp_path / "data", 1)
    with pytest.raises(StoreUnavailable, match="nowhere"):
        back_up(tmp_path / "data", tmp_path / "nowhere" / "backup")
    with pytest.raises(StoreUnreadable, match="no such file"):
        back_up(tmp_path / "other", tmp_path / "backup")
    assert manifest_path(tmp_path / "backup").exists() is False
