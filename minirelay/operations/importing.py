"""Importing a shop into a data directory, in which no relay runs (spec 09, "Commands")."""

import asyncio
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
from minirelay.store.database import Store
from minirelay.store.errors import StoreUnavailable
from minirelay.store.high_water import HIGH_WATER_FILE, read_high_water
from minirelay.store.shop_copy import unmark
from minirelay.store.shop_import import Rewound, Unwanted, import_shop

DRAFT: Final = "minirelay.importing"
"""What is being imported, in the data directory; what is left of one that was broken off is removed."""


class Imported(msgspec.Struct, frozen=True):
    """What was done. goes_on: the number of the shop's next set. rewound: chains that are read again."""

    export: Export
    goes_on: int
    rewound: tuple[Rewound, ...]


def import_file(path: Path, data_dir: Path, *, progress: Progress = lambda _count, _total: None) -> Imported:
    """Put the shop of an export into the database of a data directory, all of it or nothing.

    To be called where no event loop runs. Raises StoreError; then nothing is changed.
    """
    export = read_export(path)
    return asyncio.run(_import(path, export, data_dir, progress))


async def _import(path: Path, export: Export, data_dir: Path, progress: Progress) -> Imported:
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
            return await _store(store, draft, export)
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


async def _store(store: Store, draft: Path, export: Export) -> Imported:
    shop_id, now = int(export.shop_id), int(time.time())
    work = partial(
        import_shop,
        copy=draft,
        shop_id=shop_id,
        exported_at=export.exported_at,
        imported_at=now,
        told=_told_before(store, shop_id),
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
