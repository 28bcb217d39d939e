"""What a stranger's database must be before anything else reads it.

What a file may have in it otherwise is in tests/operations/test_importing.py.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.store.copy_examination import examine_copy, migrate_copy
from minirelay.store.database import FILE_NAME
from minirelay.store.messages import ShopRow
from minirelay.store.schema import APPLICATION_ID, EXPORT_APPLICATION_ID, migrate, migrations, newest_of
from minirelay.store.shop_copy import keep_signers, unmark
from tests.operations.databases import fill
from tests.relay.house import SHOP
from tests.store.test_shop_copy import copy


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    fill(folder / "data")
    path = copy(folder / "data", folder / "copy", ShopRow(1, SHOP, 0)) / FILE_NAME
    keep_signers(path, [b"\x02" * 33])
    return path


def test_a_sound_copy_passes(sound: Path) -> None:
    assert examine_copy(sound, SHOP) is None


def test_a_page_that_is_not_whole_is_found(sound: Path, tmp_path: Path) -> None:
    content = bytearray(sound.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8192] = b"\x55" * 8192
    (tmp_path / "copy").write_bytes(content)
    assert examine_copy(tmp_path / "copy", SHOP) is not None


def test_no_database_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"rubbish" * 1000)
    assert examine_copy(tmp_path / "copy", SHOP) == "it can't be read: file is not a database"


def test_a_copy_of_an_earlier_version_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, migrations()[:9])
        connection.execute("INSERT INTO shop VALUES (1, ?, 0, 0, 0)", (SHOP.to_bytes(32),))
        connection.execute(f"PRAGMA application_id = {EXPORT_APPLICATION_ID}")
    assert examine_copy(path, SHOP) is None
    unmark(path)
    migrate_copy(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (newest_of(migrations()),)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert [one.name for one in tmp_path.iterdir()] == ["copy"]


def test_an_earlier_schema_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, migrations()[:9])
        connection.execute("CREATE TRIGGER t AFTER INSERT ON migration BEGIN DELETE FROM shop; END")
        connection.execute(f"PRAGMA application_id = {EXPORT_APPLICATION_ID}")
    assert "schema is not that of this version: trigger t" in (examine_copy(path, SHOP) or "")


def test_a_database_of_a_relay_is_no_export(sound: Path, tmp_path: Path) -> None:
    shutil.copy(sound, tmp_path / "copy")
    unmark(tmp_path / "copy")
    assert examine_copy(tmp_path / "copy", SHOP) == "it has no database of an export"
