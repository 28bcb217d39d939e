"""Importing a shop into a data directory, in which no relay runs (spec 09, "Commands")."""

import asyncio
import logging
import shutil
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from minirelay.errors import StoreError
from minirelay.operations.backups import ROOM_BYTES, BackupDamaged
from minirelay.operations.export_file import Export, copy_database, read_export
from minirelay.operations.export_replay import Progress, Replayed, replay_copy
from minirelay.protocol.gaps import GAP_STEP
from minirelay.store.copy_examination import examine_copy, migrate_copy
from minirelay.store.database import FILE_NAME, Store, is_unused
from minirelay.store.errors import StoreUnavailable
from minirelay.store.high_water import HIGH_WATER_FILE, read_high_water
from minirelay.store.lock import DirectoryLock
from minirelay.store.shop_copy import unmark
from minirelay.store.shop_import import Rewound, Unwanted, import_shop

log = logging.getLogger(__name__)

DRAFT: Final = "minirelay.importing"
"""What is being imported, in the data directory; what is left of one that was broken off is removed."""


MOST_BLOCKS_BACK: Final = 1_000_000
"""So far a chain goes back unasked: minutes of reading at most endpoints, in which all its shops wait."""


class Imported(msgspec.Struct, frozen=True):
    """What was done. goes_on: the number of the shop's next set. rewound: chains that are read again."""

    export: Export
    goes_on: int
    rewound: tuple[Rewound, ...]


def import_file(
    path: Path,
    data_dir: Path,
    *,
    far_back: bool = False,
    progress: Progress = lambda _count, _total: None,
) -> Imported:
    """Put the shop of an export into the database of a data directory, all of it or nothing.

    far_back: however far that takes chains back. To be called where no event loop runs. Raises StoreError;
    then nothing is changed, and where no database was there is none.
    """
    export = read_export(path)
    is_new = not (data_dir / FILE_NAME).exists()
    try:
        return asyncio.run(_import(path, export, data_dir, progress, far_back=far_back))
    except BaseException:
        if is_new:
            _remove_empty(data_dir)
        raise


def _remove_empty(data_dir: Path) -> None:
    """Remove a database that was made for nothing; the lock's file stays, as it always does."""
    try:
        lock = DirectoryLock(data_dir)
    except StoreError:
        return
    try:
        database = data_dir / FILE_NAME
        if database.exists() and is_unused(database):
            for suffix in ("-wal", "-shm", ""):
                database.with_name(f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
            (data_dir / HIGH_WATER_FILE).unlink(missing_ok=True)
    except (OSError, StoreError):
        log.warning("%s: an empty database stays there", data_dir)
    finally:
        lock.release()


async def _import(
    path: Path, export: Export, data_dir: Path, progress: Progress, *, far_back: bool
) -> Imported:
    # The store first: it holds the directory's lock, and knows whether anything is missing here.
    async with await Store.open(data_dir) as store:
        if await store.reader.shop(int(export.shop_id)) is not None:
            raise Unwanted(
                f"shop {export.shop_id} is on this relay already: import it into another data directory; "
                "to go back to what it was, restore a backup"
            )
        draft = data_dir / DRAFT
        try:
            await asyncio.to_thread(_prepare, path, export, draft)
            try:
                replayed = await replay_copy(draft, progress)
            except BackupDamaged as error:
                raise BackupDamaged(f"{path}: {error}") from error
            _compare(path, export, replayed)
            return await _store(store, draft, export, far_back=far_back)
        finally:
            await asyncio.to_thread(_remove, draft)


def _prepare(path: Path, export: Export, draft: Path) -> None:
    """Copy the database out of the export, and make sure that it may be one of ours."""
    _remove(draft)
    # As much again may be in the write-ahead log of what it is put into.
    wanted, free = 2 * export.size_bytes + ROOM_BYTES, shutil.disk_usage(draft.parent).free
    if free < wanted:
        raise StoreUnavailable(
            f"{draft.parent} has {free // 2**20:,} MiB free, and importing needs {wanted // 2**20:,} MiB"
        )
    copy_database(path, export, draft)
    damage = examine_copy(draft, int(export.shop_id))
    if damage is not None:
        raise BackupDamaged(f"{path}: {damage}: it is damaged, or was changed")
    unmark(draft)
    migrate_copy(draft)


def _compare(path: Path, export: Export, replayed: Replayed) -> None:
    audited = replayed.audited
    found = (audited.shop_id, replayed.end, f"0x{audited.root_hash.hex()}")
    if not replayed.signers <= audited.signed_by:
        raise BackupDamaged(f"{path}: a key stored as the relay's signed nothing in the log: it was changed")
    if found != (int(export.shop_id), export.sequence_number, export.root_hash):
        raise BackupDamaged(f"{path}: its log leads to another root hash than it names: it was changed")
    if replayed.wallets != export.wallets:
        raise BackupDamaged(f"{path}: other wallets signed for its relay than it names: it was changed")


async def _store(store: Store, draft: Path, export: Export, *, far_back: bool) -> Imported:
    shop_id, now = int(export.shop_id), int(time.time())
    work = partial(
        import_shop,
        copy=draft,
        shop_id=shop_id,
        exported_at=export.exported_at,
        imported_at=now,
        told=_told_before(store, shop_id),
        most_back=None if far_back else MOST_BLOCKS_BACK,
    )
    row, rewound = await store.writer.connection.run(work)
    if store.writer.on_stored is not None:
        store.writer.on_stored({row: export.sequence_number})
    gaps = await store.reader.gaps(row)
    return Imported(export, gaps[-1].next, tuple(rewound))


def _told_before(store: Store, shop_id: int) -> int:
    """Return which number clients of a shop may have been told here, before its log was lost."""
    with suppress(StoreError):
        mark = read_high_water(store.path.with_name(HIGH_WATER_FILE))
        if mark is not None and shop_id in mark.ends:
            return mark.ends[shop_id] + GAP_STEP
    return 0


def _remove(draft: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            draft.with_name(f"{draft.name}{suffix}").unlink(missing_ok=True)
