"""Putting a backup in the place of a database (spec 09, "Backup and restore")."""

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from minirelay.errors import StoreError
from minirelay.protocol.gaps import GAP_STEP
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import create_bulk_insert, store
from minirelay.store.connection import connect_to_read, connect_to_write, unavailable
from minirelay.store.errors import DataMissing, StoreUnavailable
from minirelay.store.gaps import treat_as_restored
from minirelay.store.high_water import (
    HIGH_WATER_FILE,
    HighWater,
    read_high_water,
    survey,
    sync_path,
    write_high_water,
)
from minirelay.store.integrity import find_schema_difference
from minirelay.store.missing_time import describe_span, note_missing
from minirelay.store.operator_alerts import RESTORED, OperatorAlert
from minirelay.store.schema import backup_before_migration, migrate, migrations, schema_version

DRAFT_SUFFIX: Final = ".restoring"
_ENDS: Final = """SELECT shop_id, coalesce((SELECT max(position) & 0xffffffffff FROM patch_set
    WHERE position > id << 40 AND position < id + 1 << 40), 0) FROM shop"""


class WouldLose(StoreError):
    """What is there has more than what would take its place."""


def read_ends(path: Path) -> dict[int, int]:
    """Return how far each log of a database is, by shop id. It may have a write-ahead log.

    Raises sqlite3.Error, StoreError.
    """
    is_alone = not path.with_name(f"{path.name}-wal").exists()
    with closing(connect_to_read(path, is_immutable=is_alone)) as connection:
        if schema_version(connection, path) == 0:
            return {}
        return {int.from_bytes(shop_id): end for shop_id, end in connection.execute(_ENDS)}


def find_difference(path: Path) -> str | None:
    """Say in a line what is other in the schema of a database than its version makes it; None if nothing is.

    Raises sqlite3.Error, StoreError.
    """
    is_alone = not path.with_name(f"{path.name}-wal").exists()
    with closing(connect_to_read(path, is_immutable=is_alone)) as connection:
        version = schema_version(connection, path)
        steps = [step for step in migrations() if step.number <= version]
        return find_schema_difference(connection, steps) if steps else None


def known_ends(database: Path) -> dict[int, int]:
    """Return how far the logs of a relay were, by its database and by what is noted beside it.

    Raises DataMissing if neither can be read, and there is something.
    """
    with suppress(DataMissing):
        mark = read_high_water(database.with_name(HIGH_WATER_FILE)) or HighWater()
    ends: dict[int, int] = dict(mark.ends)
    if database.exists():
        try:
            found = read_ends(database)
        except (sqlite3.Error, StoreError) as error:
            raise DataMissing(f"{database}: what is there can't be read: {error}") from error
        for shop_id, end in found.items():
            ends[shop_id] = max(end, ends.get(shop_id, 0))
    return ends


def refuse_loss(ends: Mapping[int, int], backup: Path) -> None:
    """Raise WouldLose if a backup lacks sets that are known. ends: by shop id."""
    in_backup = read_ends(backup)
    for shop_id, end in ends.items():
        found = in_backup.get(shop_id, 0)
        if end > found:
            raise WouldLose(
                f"the log of shop {shop_id} is at set {end} here, and at {found} in the backup: what came "
                "after it would be lost; restore with --force if it is to be so"
            )


def put_in_place(
    backup: Path, database: Path, told: Mapping[int, int], *, made_at: int, restored_at: int
) -> Path | None:
    """Put a copy of a backup in the place of a database; its logs go on behind a gap.

    The directory's lock must be held. told: by shop id, the greatest number that clients may have been told.
    made_at: of the backup; restored_at: of this; epoch seconds. Return where what was there is now; None if
    there was nothing. Raises StoreError; then what was there is there.
    """
    draft = database.with_name(f"{database.name}{DRAFT_SUFFIX}")
    try:
        mark = _prepare(backup, draft, made_at, restored_at, told)
        kept = _swap(draft, database, restored_at)
        write_high_water(database.with_name(HIGH_WATER_FILE), mark)
        sync_path(database.parent)
    except (OSError, sqlite3.Error) as error:
        raise unavailable(f"restore {database}", error) from error
    finally:
        for path in _with_logs(draft):
            with suppress(OSError):
                path.unlink(missing_ok=True)
    return kept


def _prepare(backup: Path, draft: Path, made_at: int, restored_at: int, told: Mapping[int, int]) -> HighWater:
    """Copy the backup and mark it as restored; return how far it is then."""
    _require_room(backup, draft.parent)
    for path in _with_logs(draft):
        path.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    shutil.copyfile(backup, draft)
    with closing(connect_to_write(draft)) as connection:
        _migrate(connection, draft)
        # What came after what is known may have been told as well: not as many sets as that.
        numbers = {shop_id: end + GAP_STEP for shop_id, end in told.items()}
        treat_as_restored(connection, restored_at, told=numbers)
        note_missing(connection, made_at, restored_at)
        _tell(connection, made_at, restored_at)
        mark, _ = survey(connection, ())
    sync_path(draft)
    return mark


def _tell(connection: sqlite3.Connection, made_at: int, restored_at: int) -> None:
    """Raise the alert that this was a restore, and of when something may be missing."""
    span = describe_span(made_at, restored_at)
    alert = OperatorAlert(
        RESTORED,
        f"restored from a backup: {span}, and browsers that had more must clear the site's data",
        restored_at,
    )
    create_bulk_insert(connection)
    store(connection, rows_of([alert]).statements())


def _migrate(connection: sqlite3.Connection, draft: Path) -> None:
    older = backup_before_migration(draft, schema_version(connection, draft))
    try:
        migrate(connection, draft)
    finally:
        # The backup itself is the copy from before it.
        older.unlink(missing_ok=True)


def _require_room(backup: Path, directory: Path) -> None:
    # Twice: SQLite may write as much into the log of a migration.
    wanted, free = 2 * backup.stat().st_size, shutil.disk_usage(directory).free
    if free < wanted:
        raise StoreUnavailable(
            f"{directory} has {free // 2**20:,} MiB free, and restoring needs {wanted // 2**20:,} MiB"
        )


def _swap(draft: Path, database: Path, restored_at: int) -> Path | None:
    """Put the draft in the place of the database in one step; keep that under another name."""
    kept = None
    _checkpoint(database)
    if any(path.exists() for path in _with_logs(database)):
        at = datetime.fromtimestamp(restored_at, UTC)
        kept = database.with_name(f"{database.name}.before-restore-{at:%Y%m%dT%H%M%SZ}")
        _keep(database, kept)
        sync_path(kept.parent)
    # First the log: SQLite would write what is in it into whatever database lies beside it.
    for path in _with_logs(database)[1:]:
        path.unlink(missing_ok=True)
    draft.replace(database)
    return kept


def _checkpoint(database: Path) -> None:
    """Move what is in the write-ahead log into the database, if it can be: one file is easier to keep."""
    if database.exists():
        with suppress(sqlite3.Error), closing(connect_to_write(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _keep(database: Path, kept: Path) -> None:
    """Give the database a second name, with its logs: it goes on under its own until it is replaced."""
    for path, copy in zip(_with_logs(database), _with_logs(kept), strict=True):
        if not path.exists():
            continue
        copy.unlink(missing_ok=True)
        try:
            copy.hardlink_to(path)
        except OSError:  # no links on this file system
            shutil.copy2(path, copy)


def _with_logs(database: Path) -> list[Path]:
    return [database, *[database.with_name(f"{database.name}-{suffix}") for suffix in ("wal", "shm")]]
