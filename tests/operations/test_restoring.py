"""Restoring: nothing is lost by mistake, and no number is given out twice."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from minirelay.errors import StoreError
from minirelay.operations.backups import BackupDamaged, back_up, describe
from minirelay.operations.manifest import hash_file, manifest_path, read_manifest, write_manifest
from minirelay.operations.restoring import restore
from minirelay.protocol.gaps import GAP_STEP
from minirelay.store.database import FILE_NAME, open_readonly
from minirelay.store.errors import SchemaTooNew, StoreLocked, StoreUnreadable
from minirelay.store.lock import DirectoryLock
from minirelay.store.restore import WouldLose
from tests.operations.databases import OTHER_SHOP, fill, roots, write
from tests.relay.house import SHOP


async def ends(directory: Path) -> dict[int, tuple[int, list[int]]]:
    """Read the last number of each log, and where its gaps lead to."""
    async with await open_readonly(directory) as store:
        return {
            row.shop_id: (
                (await store.reader.tail(row.row_id))[0],
                [gap.next for gap in await store.reader.gaps(row.row_id)],
            )
            for row in await store.reader.shops()
        }


def test_a_new_machine_gets_what_was_backed_up(tmp_path: Path) -> None:
    expected = fill(tmp_path / "data")
    made = back_up(tmp_path / "data", tmp_path / "backup")
    done = restore(tmp_path / "backup", tmp_path / "new")
    assert (done.backup, done.kept) == (made, None)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "minirelay.high-water",
        "minirelay.lock",
        FILE_NAME,
    ]
    assert roots(back_up(tmp_path / "new", tmp_path / "again")) == expected
    assert (tmp_path / "new" / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_the_logs_go_on_behind_a_gap_each_time_another(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    before = asyncio.run(ends(tmp_path / "data"))
    numbers = []
    for _ in range(2):
        restore(tmp_path / "backup", tmp_path / "data", force=True)
        after = asyncio.run(ends(tmp_path / "data"))
        for shop_id, (end, gaps) in after.items():
            assert end == before[shop_id][0]
            assert [number % GAP_STEP for number in gaps] == [0]
            assert gaps[0] > int(time.time()) // 60 * GAP_STEP - 2 * GAP_STEP
        write(tmp_path / "data", 77)
        numbers.append(asyncio.run(ends(tmp_path / "data"))[SHOP][0])
    assert numbers[0] < numbers[1]


def test_the_time_that_is_missing_is_noted(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    made = back_up(tmp_path / "data", tmp_path / "backup")

    async def until() -> int:
        async with await open_readonly(tmp_path / "new") as store:
            return await store.reader.missing_until()

    restore(tmp_path / "backup", tmp_path / "new")
    assert made.made_at <= asyncio.run(until()) <= time.time()


def test_a_backup_of_before_does_not_replace_what_is_ahead(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    write(tmp_path / "data", 9, shop_id=OTHER_SHOP)
    before = asyncio.run(ends(tmp_path / "data"))
    with pytest.raises(WouldLose, match=f"shop {OTHER_SHOP} is at set.*--force"):
        restore(tmp_path / "backup", tmp_path / "data")
    assert asyncio.run(ends(tmp_path / "data")) == before
    done = restore(tmp_path / "backup", tmp_path / "data", force=True)
    assert done.kept is not None
    # What is kept is whole.
    kept = {int(shop.shop_id): shop.sequence_number for shop in describe(done.kept).shops}
    assert kept == {shop_id: end for shop_id, (end, _) in before.items()}
    assert asyncio.run(ends(tmp_path / "data"))[OTHER_SHOP][1][0] > before[OTHER_SHOP][0]


def test_a_log_that_only_the_note_beside_it_knows_counts_as_told(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    write(tmp_path / "data", 9)
    (tmp_path / "data" / FILE_NAME).unlink()
    with pytest.raises(WouldLose):
        restore(tmp_path / "backup", tmp_path / "data")
    assert not (tmp_path / "data" / FILE_NAME).exists()


def test_a_database_that_is_damaged_is_kept_and_replaced_by_force_only(tmp_path: Path) -> None:
    expected = fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    (tmp_path / "data" / FILE_NAME).write_bytes(b"rubbish" * 1000)
    with pytest.raises(StoreError, match="can't be read"):
        restore(tmp_path / "backup", tmp_path / "data")
    done = restore(tmp_path / "backup", tmp_path / "data", force=True)
    assert done.kept is not None
    assert done.kept.read_bytes() == b"rubbish" * 1000
    assert roots(back_up(tmp_path / "data", tmp_path / "again")) == expected


def test_a_relay_that_runs_is_not_restored(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    lock = DirectoryLock(tmp_path / "data")
    with pytest.raises(StoreLocked, match="stop that one first"):
        restore(tmp_path / "backup", tmp_path / "data")
    lock.release()


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_damaged_backup_is_not_restored(tmp_path: Path, with_manifest: bool) -> None:
    fill(tmp_path / "data")
    backup = tmp_path / "backup"
    back_up(tmp_path / "data", backup)
    content = bytearray(backup.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    backup.write_bytes(content)
    if not with_manifest:
        manifest_path(backup).unlink()
    before = asyncio.run(ends(tmp_path / "data"))
    with pytest.raises(BackupDamaged, match="checksum" if with_manifest else "backup: "):
        restore(backup, tmp_path / "data", force=True)
    assert asyncio.run(ends(tmp_path / "data")) == before


def test_a_backup_without_its_manifest_is_checked_and_restored(tmp_path: Path) -> None:
    expected = fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    manifest_path(tmp_path / "backup").unlink()
    done = restore(tmp_path / "backup", tmp_path / "new")
    assert done.backup is not None
    assert roots(done.backup) == expected


def test_a_backup_of_a_newer_version_is_not_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minirelay.store import schema

    fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    older = schema.migrations()[:-1]
    monkeypatch.setattr(schema, "migrations", lambda: older)
    with pytest.raises(SchemaTooNew):
        restore(tmp_path / "backup", tmp_path / "new")


def reseal(backup: Path, **said: object) -> None:
    """Let a backup's manifest say of it what it is now, as whoever changes both can."""
    manifest = read_manifest(backup)
    assert manifest is not None
    current = msgspec.structs.replace(manifest.current, sha256=hash_file(backup), **said)
    write_manifest(backup, msgspec.structs.replace(manifest, current=current))


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_backup_with_something_in_it_that_runs_by_itself_is_refused(
    tmp_path: Path, with_manifest: bool
) -> None:
    fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    with closing(sqlite3.connect(tmp_path / "backup")) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON patch_set BEGIN DELETE FROM alert; END")
    reseal(tmp_path / "backup")
    if not with_manifest:
        manifest_path(tmp_path / "backup").unlink()
    with pytest.raises(BackupDamaged, match="schema is not that of this version: trigger t"):
        restore(tmp_path / "backup", tmp_path / "new")
    assert not (tmp_path / "new" / FILE_NAME).exists()


@pytest.mark.parametrize("made_at", [-1, 2**62])
def test_a_manifest_with_a_time_that_no_calendar_has_is_none(tmp_path: Path, made_at: int) -> None:
    fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    reseal(tmp_path / "backup", made_at=made_at)
    with pytest.raises(StoreError, match="not the manifest of a backup"):
        restore(tmp_path / "backup", tmp_path / "new")


def test_nothing_is_said_to_be_missing_of_the_future(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    back_up(tmp_path / "data", tmp_path / "backup")
    reseal(tmp_path / "backup", made_at=2**36)
    restore(tmp_path / "backup", tmp_path / "new")
    with closing(sqlite3.connect(tmp_path / "new" / FILE_NAME)) as connection:
        ((since, until),) = connection.execute("SELECT since, until FROM missing_time").fetchall()
        ((detail,),) = connection.execute("SELECT detail FROM alert").fetchall()
    assert since <= until <= time.time()
    assert time.strftime("%Y", time.gmtime(2**36)) not in detail


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreadable, match="no such file"):
        restore(tmp_path / "nothing", tmp_path / "data")
