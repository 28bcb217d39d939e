"""Backing up a database, beside a running relay or without one (spec 09, "Backup and restore")."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from minirelay import __version__
from minirelay.blobs.audit import find_blob_damage
from minirelay.errors import StoreError
from minirelay.operations.manifest import (
    BackedUpShop,
    Backup,
    Manifest,
    hash_file,
    manifest_path,
    read_manifest,
    write_manifest,
)
from minirelay.operations.one_writer import only_writer_in
from minirelay.relay.audit import Audited, Difference, audit, check_signers, read_signers
from minirelay.store.backup import write_backup
from minirelay.store.connection import connect_to_read
from minirelay.store.database import FILE_NAME, open_copy
from minirelay.store.errors import StoreUnavailable, StoreUnreadable
from minirelay.store.high_water import sync_path
from minirelay.store.reader import Reader
from minirelay.store.schema import check_current, migrations, newest_of

ROOM_BYTES: Final = 64 * 2**20
"""What a disk keeps free beside a backup: the write-ahead log grows while it is made."""

Progress = Callable[[str], None]
"""Told what is done now, as a few words."""


class BackupDamaged(StoreError):
    """A file that is not what a backup has to be. The message says what is wrong first."""


def back_up(
    data_dir: Path,
    target: Path,
    *,
    keep: int = 1,
    floor_bytes: int = 0,
    tell: Progress = lambda _: None,
) -> Backup:
    """Copy the database of a data directory to a file, check that, and put it in place.

    keep: how many backups there are then at most, `target` and target.1, target.2, ... before it. What was
    there stays until the next one is good. floor_bytes: what has to stay free, on the disk of the data
    directory and on that of the backup; it is given up when less is. tell: hears what takes its time. To be
    called where no event loop runs. Raises StoreError; then all that was there is there.
    """
    database = data_dir / FILE_NAME
    draft = target.with_name(f"{target.name}.new")
    with _only_draft(draft):
        tell("copying the database")
        _copy(database, draft, floor_bytes)
        tell("checking the copy: every page, every signature")
        backup = describe(draft)
        tell("putting it in place")
        _put_in_place(draft, target, backup, keep)
    return backup


def describe(path: Path) -> Backup:
    """Check a copy of a database, and say what is in it.

    Every page is read, and every log replayed. Raises BackupDamaged, StoreError.
    """
    shops = asyncio.run(_check(path))
    return Backup(
        version=__version__,
        schema=newest_of(migrations()),
        made_at=int(time.time()),
        size_bytes=path.stat().st_size,
        sha256=hash_file(path),
        shops=tuple([BackedUpShop(str(one.shop_id), end, f"0x{one.root_hash.hex()}") for end, one in shops]),
    )


async def _check(path: Path) -> list[tuple[int, Audited]]:
    async with await open_copy(path) as copy:
        return await check(copy.reader)


async def check(reader: Reader) -> list[tuple[int, Audited]]:
    """Read every page and replay every log; return each shop with the number of its last set.

    Raises BackupDamaged.
    """
    damage = await reader.find_damage() or await find_blob_damage(reader)
    if damage is not None:
        raise BackupDamaged(damage)
    signers = await read_signers(reader)
    found = []
    try:
        for row in await reader.shops():
            audited = await audit(reader, row, signers, lambda _: None)
            found.append(((await reader.tail(row.row_id))[0], audited))
        check_signers(signers, {key for _, one in found for key in one.signed_by})
    except Difference as difference:
        raise BackupDamaged(str(difference)) from difference
    return found


@contextmanager
def _only_draft(draft: Path) -> Iterator[None]:
    """Remove the draft in the end, whatever happens, and what is left of an earlier one before."""
    try:
        with only_writer_in(draft.parent):
            try:
                draft.unlink(missing_ok=True)
                yield
            finally:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"could not write {draft}: {error.strerror}") from error


def _copy(database: Path, draft: Path, floor_bytes: int) -> None:
    if not database.exists():
        raise StoreUnreadable(f"{database}: no such file; name the relay's data directory (data_dir)")
    with closing(connect_to_read(database)) as connection:
        check_current(connection, database)
        _require_room(database, draft, floor_bytes)
        write_backup(connection, draft, partial(_check_floor, (database.parent, draft.parent), floor_bytes))


def _require_room(database: Path, draft: Path, floor_bytes: int) -> None:
    """Raise StoreUnavailable unless the copy fits on its disk, with some room left."""
    logs = database.with_name(f"{database.name}-wal")
    wanted = (
        database.stat().st_size + (logs.stat().st_size if logs.exists() else 0) + max(ROOM_BYTES, floor_bytes)
    )
    free = shutil.disk_usage(draft.parent).free
    if free < wanted:
        raise StoreUnavailable(
            f"{draft.parent} has {free // 2**20:,} MiB free, and a backup needs {wanted // 2**20:,} MiB: "
            "make room, or name another place"
        )


def _check_floor(directories: Iterable[Path], floor_bytes: int) -> None:
    """Raise StoreUnavailable if a disk has less room than it has to keep."""
    for directory in directories:
        free = shutil.disk_usage(directory).free
        if free < floor_bytes:
            raise StoreUnavailable(
                f"{directory} has {free // 2**20:,} MiB left, less than disk_floor: the backup is given up"
            )


def _put_in_place(draft: Path, target: Path, backup: Backup, keep: int) -> None:
    before = _known(target)
    _rotate(target, keep)
    # First the manifest: it knows the backup that it finds there, too.
    write_manifest(target, Manifest(backup, before))
    draft.replace(target)
    sync_path(target.parent)


def _known(target: Path) -> Backup | None:
    """Return what is known of the backup that is there."""
    with suppress(StoreError, OSError):
        manifest = read_manifest(target)
        if manifest is not None:
            return manifest.find(hash_file(target))
    return None


def _rotate(target: Path, keep: int) -> None:
    """Let the backups before this one move on, the oldest out."""
    for number in range(keep - 1, 0, -1):
        older = _numbered(target, number)
        newer = target if number == 1 else _numbered(target, number - 1)
        if newer.exists():
            for path in (manifest_path, lambda backup: backup):
                _link(path(newer), path(older))


def _link(newer: Path, older: Path) -> None:
    """Give a file another name in the place of what has that; it keeps its own until that is replaced."""
    if not newer.exists():
        older.unlink(missing_ok=True)
        return
    draft = older.with_name(f"{older.name}.part")
    draft.unlink(missing_ok=True)
    try:
        draft.hardlink_to(newer)
    except OSError:  # file systems of memory sticks have no links
        shutil.copy2(newer, draft)
    draft.replace(older)


def _numbered(target: Path, number: int) -> Path:
    return target.with_name(f"{target.name}.{number}")
