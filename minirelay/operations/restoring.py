"""Restoring a backup: what has to be looked at before anything is changed (spec 09, "Backup and restore")."""

import sqlite3
import time
from pathlib import Path
from typing import Final

import msgspec

from minirelay.operations.backups import BackupDamaged, describe
from minirelay.operations.export_file import is_export
from minirelay.operations.manifest import Backup, hash_file, manifest_path, read_manifest
from minirelay.store.database import FILE_NAME
from minirelay.store.errors import NotOurDatabase, SchemaTooOld, StoreUnreadable
from minirelay.store.lock import DirectoryLock
from minirelay.store.restore import find_difference, known_ends, put_in_place, read_ends, refuse_loss

OLDER: Final = "take an older one: FILE.1 is the one before FILE"


class Restored(msgspec.Struct, frozen=True):
    """What was done. backup: what is known of it. kept: where what was there is now, None if nothing was."""

    database: Path
    backup: Backup | None
    kept: Path | None


def restore(backup: Path, data_dir: Path, *, force: bool = False) -> Restored:
    """Put a backup in the place of the database of a data directory, in which no relay runs.

    force: also if what is there is ahead of it, or can't be read. To be called where no event loop runs.
    Raises StoreError; then nothing is changed.
    """
    known = _examine(backup)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = DirectoryLock(data_dir)
    try:
        return _restore(backup, known, data_dir / FILE_NAME, force=force)
    finally:
        lock.release()


def _restore(backup: Path, known: Backup | None, database: Path, *, force: bool) -> Restored:
    told: dict[int, int] = {}
    try:
        told = known_ends(database)
    except Exception:
        if not force:
            raise
    if not force:
        refuse_loss(told, backup)
    kept = put_in_place(backup, database, told, made_at=_made_at(backup, known), restored_at=int(time.time()))
    return Restored(database, known, kept)


def _examine(backup: Path) -> Backup | None:
    """Make sure that a file is a whole backup, of a version that is known here. Raises StoreError."""
    if not backup.is_file():
        raise StoreUnreadable(f"{backup}: no such file")
    refuse_export(backup)
    manifest = read_manifest(backup)
    if manifest is not None:
        known = manifest.find(hash_file(backup))
        if known is None:
            raise BackupDamaged(
                f"{backup}: its checksum is not that in its manifest: it is damaged, or another file; {OLDER}"
            )
        read_ends_of(backup)
        return known
    read_ends_of(backup)
    try:
        return describe(backup)
    except SchemaTooOld:
        # Its logs can be replayed when it is migrated: `verify` does.
        return None
    except BackupDamaged as error:
        raise BackupDamaged(f"{backup}: {error}; {OLDER}") from error


def refuse_export(backup: Path) -> None:
    """Make sure that a file is not an export of one shop. Raises StoreError."""
    try:
        found = is_export(backup)
    except OSError as error:
        raise StoreUnreadable(f"{backup}: {error.strerror}") from error
    if found:
        raise StoreUnreadable(
            f"{backup}: an export of one shop, no backup; `minirelay import {backup}` reads it"
        )


def _made_at(backup: Path, known: Backup | None) -> int:
    """Return when a backup was made, as its manifest or else the file says. In epoch seconds, up to now."""
    has_manifest = known is not None and manifest_path(backup).exists()
    said = known.made_at if known is not None and has_manifest else int(backup.stat().st_mtime)
    return max(0, min(said, int(time.time())))


def read_ends_of(backup: Path) -> dict[int, int]:
    """Return how far the logs in a backup are. Its schema must be that of a version. Raises StoreError."""
    try:
        ends = read_ends(backup)
        # A trigger, say, would go on to run in the relay: no checksum that lies beside it tells of that.
        if (difference := find_difference(backup)) is not None:
            raise BackupDamaged(f"{backup}: {difference}; {OLDER}")
        return ends
    except NotOurDatabase as error:
        raise BackupDamaged(f"{backup}: no database of minirelay's, or a damaged one; {OLDER}") from error
    except sqlite3.Error as error:
        raise BackupDamaged(f"{backup}: {error}; {OLDER}") from error
