import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store.connection import configure_to_write, connect_to_write
from minirelay.store.errors import NotOurDatabase, SchemaTooNew, SchemaTooOld, StoreUnavailable
from minirelay.store.objects import load_objects
from minirelay.store.pieces import object_row
from minirelay.store.schema import (
    APPLICATION_ID,
    Migration,
    check_current,
    migrate,
    migrations,
    newest_of,
    schema_version,
)

NEWEST = newest_of(migrations())
NEXT = Migration(NEWEST + 1, f"{NEWEST + 1:04}_next.sql", "CREATE TABLE next (a INTEGER) STRICT;")


TIMEOUT_S = 30.0


class Usage(NamedTuple):
    """What `shutil.disk_usage` says, as far as it is asked."""

    free: int


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "minirelay.sqlite"
    path.touch()
    return path


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect_to_write(path)) as connection:
        yield connection


def schema_of(connection: sqlite3.Connection) -> list[object]:
    pragmas = ("user_version", "application_id", "encoding", "page_size", "auto_vacuum")
    schema: list[object] = [connection.execute(f"PRAGMA {name}").fetchone() for name in pragmas]
    schema += connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    ).fetchall()
    schema += connection.execute("SELECT number, name FROM migration ORDER BY number").fetchall()
    return schema


def test_migrations_are_numbered_in_their_order() -> None:
    numbers = [step.number for step in migrations()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1
    assert numbers[-1] == NEWEST


@pytest.mark.parametrize("steps", [migrations(), (*migrations(), NEXT)])
def test_a_fresh_and_a_migrated_install_have_the_same_schema(
    tmp_path: Path, steps: tuple[Migration, ...]
) -> None:
    schemas = []
    for name, stops in (("fresh", [len(steps)]), ("migrated", range(1, len(steps) + 1))):
        path = tmp_path / name
        path.touch()
        with closing(connect_to_write(path)) as connection:
            for stop in stops:
                migrate(connection, path, steps[:stop])
            schemas.append(schema_of(connection))
    assert schemas[0] == schemas[1]


def test_every_table_is_strict(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path)
    tables = connection.execute(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite%'"
    ).fetchall()
    assert len(tables) >= 7
    assert [name for name, strict in tables if not strict] == []


def test_a_migration_is_recorded(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path)
    assert schema_version(connection, path) == NEWEST
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    recorded = connection.execute("SELECT number, name, applied_at > 1600000000 FROM migration").fetchall()
    assert recorded == [(step.number, step.name, 1) for step in migrations()]
    migrate(connection, path)
    assert connection.execute("SELECT count(*) FROM migration").fetchone() == (len(migrations()),)
    check_current(connection, path)


def test_sets_from_before_authors_were_stored_are_known(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, migrations()[:1])
    connection.executescript("""INSERT INTO shop VALUES (1, randomblob(32), 0, 0), (3, randomblob(32), 0, 0),
            (4, zeroblob(32), 0, 0);
        WITH sets (shop, seq) AS (VALUES (1, 1), (1, 2), (1, 3), (3, 1), (3, 2))
        INSERT INTO patch_set SELECT shop << 40 | seq, 1, 2, 0, 0, 0, 0, 0, 0, 0, x'', x'' FROM sets;""")
    migrate(connection, path)
    assert connection.execute("SELECT id, authors_after FROM shop").fetchall() == [(1, 3), (3, 2), (4, 0)]
    assert connection.execute("SELECT DISTINCT author FROM patch_set").fetchall() == [(None,)]
    assert connection.execute("SELECT * FROM relay_signer").fetchall() == []


def test_payments_from_before_are_of_their_requests_own_chain(
    connection: sqlite3.Connection, path: Path
) -> None:
    migrate(connection, path, [step for step in migrations() if step.number < 17])
    connection.executescript("""INSERT INTO shop VALUES (1, zeroblob(32), 0, 0, 0);
        INSERT INTO payment_request VALUES (1, 1, zeroblob(32), zeroblob(8), 0, zeroblob(8), 1, zeroblob(20),
        zeroblob(32), zeroblob(20), zeroblob(8), zeroblob(20), zeroblob(32), '', x'', 1, 1, 'paid', 0,
        zeroblob(32), 0)""")
    connection.execute("""INSERT INTO payment_transfer (request, kind, token, transaction_hash, log_index,
        block_number, block_hash, amount, is_proven, is_deep, is_in_time)
        VALUES (zeroblob(32), 'stray', zeroblob(20), x'', 0, 7, zeroblob(32), zeroblob(32), 1, 0, 0)""")
    migrate(connection, path)
    columns = "kind, chain_id, block_number, is_proven, is_deep, is_in_time"
    rows = connection.execute(f"SELECT {columns} FROM payment_transfer").fetchall()
    assert rows == [("stray", b"", 7, 1, 0, 0)]


def test_large_objects_from_before_are_cut_into_pieces(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, migrations()[:1])
    values = [random_bytes(size) for size in (0, 1, 3999, 4000, 4001, 8000, 8001, 12_345, 1_000_000)]
    connection.execute("INSERT INTO shop VALUES (1, randomblob(32), 0, 0)")
    for number, value in enumerate(values):
        connection.execute(
            "INSERT INTO object VALUES (?, 1, 3, ?, 7, ?)", (2 * number + 1, b"%d" % number, value)
        )
    migrate(connection, path)
    loaded = load_objects(connection, 1)
    assert [(one.key, one.value, one.owner) for one in loaded] == [
        (b"%d" % number, value, 7) for number, value in enumerate(values)
    ]
    stored = connection.execute("SELECT value, pieces FROM object ORDER BY row").fetchall()
    rows = [object_row(ObjectType.ORDER, b"", value) for value in values]
    assert stored == [(row.value, row.piece_count) for row in rows]
    pieces = connection.execute(
        "SELECT position & 0xfffff, value FROM object_piece ORDER BY position"
    ).fetchall()
    assert pieces == [piece for row in rows for piece in row.pieces]


def random_bytes(size: int) -> bytes:
    return Random(size).randbytes(size)


def test_a_new_database_needs_no_backup_but_an_older_one_gets_it(
    connection: sqlite3.Connection, path: Path
) -> None:
    migrate(connection, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    connection.execute("INSERT INTO meta VALUES ('kept', x'01')")
    migrate(connection, path, (*migrations(), NEXT))
    backup = path.with_name(f"minirelay.schema-{NEWEST}.sqlite")
    with closing(sqlite3.connect(backup)) as copy:
        assert schema_version(copy, backup) == NEWEST
        check_current(copy, backup)
        assert copy.execute("SELECT * FROM meta").fetchall() == [("kept", b"\x01")]
    assert connection.execute("SELECT * FROM meta").fetchall() == [("kept", b"\x01")]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE half (a) STRICT;",
        "CREATE TABLE half (a INTEGER) STRICT; SELECT nonsense FROM nowhere;",
        "INSERT INTO key_card VALUES (1, zeroblob(33), 999, zeroblob(20), 0, zeroblob(8), 0, 0);",
    ],
)
def test_a_failed_migration_leaves_everything_as_it_was(
    connection: sqlite3.Connection, path: Path, sql: str
) -> None:
    migrate(connection, path)
    before = schema_of(connection)
    bad = Migration(NEWEST + 2, "bad.sql", sql)
    with pytest.raises(StoreUnavailable, match=f"could not migrate .* from schema {NEWEST} to {NEWEST + 2}"):
        migrate(connection, path, (*migrations(), NEXT, bad))
    assert not connection.in_transaction
    assert schema_of(connection) == before
    assert path.with_name(f"minirelay.schema-{NEWEST}.sqlite").exists()


def test_nothing_is_migrated_without_a_backup(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path)
    before = schema_of(connection)
    path.with_name(f"minirelay.schema-{NEWEST}.sqlite.part").mkdir()
    with pytest.raises(StoreUnavailable, match="backup"):
        migrate(connection, path, (*migrations(), NEXT))
    assert schema_of(connection) == before


def test_nothing_is_migrated_without_room_for_it(
    connection: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(connection, path)
    before = schema_of(connection)
    size = path.stat().st_size
    monkeypatch.setattr("minirelay.store.schema.shutil.disk_usage", lambda _: Usage(free=2 * size))
    with pytest.raises(StoreUnavailable, match=f"{path}: has to be migrated .* make room, and start again"):
        migrate(connection, path, (*migrations(), NEXT))
    assert schema_of(connection) == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    monkeypatch.setattr("minirelay.store.schema.shutil.disk_usage", lambda _: Usage(free=10 * size + 2**23))
    migrate(connection, path, (*migrations(), NEXT))


def test_a_migration_that_is_killed_leaves_what_was_there(path: Path) -> None:
    with closing(connect_to_write(path)) as connection:
        configure_to_write(connection, "full")
        migrate(connection, path)
        connection.execute("INSERT INTO meta VALUES ('kept', x'01')")
        before = schema_of(connection)
    for wal_bytes in (0, 100_000, 2_000_000):
        kill_in_migration(path, wal_bytes)
        with closing(connect_to_write(path)) as connection:
            assert schema_of(connection) == before
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT * FROM meta").fetchall() == [("kept", b"\x01")]
    backup = path.with_name(f"minirelay.schema-{NEWEST}.sqlite")
    with closing(connect_to_write(path)) as connection, closing(sqlite3.connect(backup)) as copy:
        assert schema_of(copy) == before
        migrate(connection, path, (*migrations(), NEXT))
        assert schema_version(connection, path, NEWEST + 1) == NEWEST + 1


def kill_in_migration(path: Path, wal_bytes: int) -> None:
    """Migrate in a process of its own, and kill that when it has written so much."""
    arguments = [sys.executable, "-m", "tests.store.migrating_process", str(path)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    wal = path.with_name(f"{path.name}-wal")
    deadline = time.monotonic() + TIMEOUT_S
    assert process.stdout is not None
    assert process.stdout.readline() == b"migrating\n"
    while not (wal.exists() and wal.stat().st_size >= wal_bytes):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


def test_a_newer_database_is_refused(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, (*migrations(), NEXT))
    for refuse in (migrate, check_current):
        with pytest.raises(SchemaTooNew, match=rf"{path}.*schema {NEWEST + 1}.*knows {NEWEST}"):
            refuse(connection, path)


def test_an_older_database_cannot_be_looked_at(connection: sqlite3.Connection, path: Path) -> None:
    with pytest.raises(SchemaTooOld, match="start the relay once"):
        check_current(connection, path)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a)",
        "PRAGMA application_id = 5",
        "PRAGMA user_version = 1",
    ],
)
def test_somebody_elses_database_is_refused(connection: sqlite3.Connection, path: Path, sql: str) -> None:
    connection.execute(sql)
    before = path.read_bytes()
    with pytest.raises(NotOurDatabase, match=rf"{path}.*another program"):
        migrate(connection, path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(connection: sqlite3.Connection, path: Path) -> None:
    path.write_bytes(b"a letter to my grandmother " * 100)
    with pytest.raises(NotOurDatabase, match="not a database"):
        schema_version(connection, path)
