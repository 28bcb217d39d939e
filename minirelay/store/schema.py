"""The schema: numbered SQL files, each applied once, in order, together with its record."""

# ruff: noqa: S608 - the SQL is put together from file names that match a pattern

import re
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from minirelay.store.backup import write_backup
from minirelay.store.connection import rolled_back_on_error, unavailable
from minirelay.store.errors import NotOurDatabase, SchemaTooNew, SchemaTooOld, StoreUnavailable

# "mini" in ASCII; SQLite writes it into the file's header.
APPLICATION_ID = 0x6D696E69

EXPORT_APPLICATION_ID = 0x6D696E65
"""Of a database with one shop, inside the file of an export: no relay is to serve it by mistake."""

_DAMAGED = (
    "the file is damaged, or never was a database: keep it, and put your last backup in its place "
    '(README, "Restore"), or choose another data directory to begin anew'
)

ROOM_BYTES = 4 * 2**20
"""What a migration needs beside two copies of the database: its pages, and those of its record."""

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema. number: from 1, each greater than the one before it. name: of its file."""

    number: int
    name: str
    sql: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Read the migrations that come with this version, in order."""
    folder = resources.files("minirelay.store") / "migrations"
    found = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if match := _FILE_NAME.fullmatch(file.name):
            found.append(Migration(int(match[1]), file.name, file.read_text("utf-8")))
    return tuple(found)


def newest_of(steps: Sequence[Migration]) -> int:
    """Return the number of the schema that these steps lead to."""
    return steps[-1].number


def schema_version(connection: sqlite3.Connection, path: Path, newest: int | None = None) -> int:
    """Return the number of the migration that the database is at; 0 for a new, empty one.

    newest: what is known, instead of what this version comes with. Raises NotOurDatabase and SchemaTooNew.
    Writes nothing.
    """
    newest = newest_of(migrations()) if newest is None else newest
    try:
        application = _pragma(connection, "application_id")
        version = _pragma(connection, "user_version")
        is_empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise NotOurDatabase(f"{path}: {error}; {_DAMAGED}") from error
    if application == 0 and version == 0 and is_empty:
        return 0
    if application == EXPORT_APPLICATION_ID:
        raise NotOurDatabase(f"{path}: an export of one shop: `minirelay import` reads it")
    if application != APPLICATION_ID:
        raise NotOurDatabase(
            f"{path}: an SQLite database of another program; move it away or choose another data directory"
        )
    if version > newest:
        older = backup_before_migration(path, newest)
        remedy = f", or go back to {older}, from before it" if older.exists() else ""
        raise SchemaTooNew(
            f"{path}: written by a newer minirelay (schema {version}, this one knows {newest}); "
            f"install that version again{remedy}"
        )
    return version


def check_current(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that the schema is the newest. Raises SchemaTooOld, SchemaTooNew, NotOurDatabase."""
    newest = newest_of(migrations())
    version = schema_version(connection, path, newest)
    if version < newest:
        raise SchemaTooOld(
            f"{path}: at schema {version}, this minirelay needs {newest}; start the relay once to migrate it"
        )


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Migration] | None = None) -> None:
    """Bring the database to the newest schema, all steps in one transaction (spec 09, "Upgrade").

    A database that holds something is copied first, to a file beside it named after its schema. steps: the
    migrations to know, at least one. Foreign keys must be off, so that a step can rebuild a table; they are
    checked before the end. Raises NotOurDatabase, SchemaTooNew, StoreUnavailable.
    """
    steps = migrations() if steps is None else steps
    newest = newest_of(steps)
    version = schema_version(connection, path, newest)
    if version == newest:
        return
    if version:
        _require_room(path)
        write_backup(connection, backup_before_migration(path, version))
    try:
        with rolled_back_on_error(connection):
            connection.executescript(_script([step for step in steps if step.number > version]))
            if violation := connection.execute("PRAGMA foreign_key_check").fetchone():
                raise sqlite3.IntegrityError(f"a reference to nothing: {tuple(violation)}")
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise unavailable(f"migrate {path} from schema {version} to {newest}", error) from error


def backup_before_migration(path: Path, version: int) -> Path:
    """Name the copy that is made of a database at a schema before it is migrated."""
    return path.with_name(f"{path.stem}.schema-{version}.sqlite")


def _require_room(path: Path) -> None:
    """Raise StoreUnavailable unless a copy of the database fits beside it, and what a migration writes."""
    logs = path.with_name(f"{path.name}-wal")
    wanted = 2 * (path.stat().st_size + (logs.stat().st_size if logs.exists() else 0)) + ROOM_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < wanted:
        raise StoreUnavailable(
            f"{path}: has to be migrated to a new schema, for which {path.parent} needs "
            f"{mebibytes(wanted)} MiB, and has {mebibytes(free)}: make room, and start again"
        )


def mebibytes(size_bytes: int) -> str:
    """Write a size in MiB, rounded up."""
    return f"{-(-size_bytes // 2**20):,}"


def _script(steps: Sequence[Migration]) -> str:
    """Write one script: executescript would end a transaction that is already open."""
    lines = ["BEGIN IMMEDIATE;", f"PRAGMA application_id = {APPLICATION_ID};"]
    for step in steps:
        lines += [
            step.sql,
            "INSERT INTO migration (number, name, applied_at) "
            f"VALUES ({step.number}, '{step.name}', CAST(strftime('%s', 'now') AS INTEGER));",
            f"PRAGMA user_version = {step.number};",
        ]
    return "\n".join(lines)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
