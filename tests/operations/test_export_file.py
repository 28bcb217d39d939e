"""The file of an export: what is said of the database behind it."""

from pathlib import Path

import pytest

from minirelay.operations.backups import BackupDamaged
from minirelay.operations.export_file import FORMAT, MAGIC, Export, copy_database, read_export, seal
from minirelay.operations.manifest import hash_file
from minirelay.store.errors import StoreUnavailable


def an_export(path: Path) -> Export:
    return Export(
        format=FORMAT,
        version="1.2.3",
        schema=12,
        shop_id=str(2**256 - 1),
        sequence_number=2**40 - 1,
        root_hash=f"0x{'ab' * 32}",
        wallets=(f"0x{'Ab' * 20}",),
        exported_at=1_800_000_000,
        size_bytes=path.stat().st_size,
        sha256=hash_file(path),
    )


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, Export]:
    path = tmp_path / "file"
    path.write_bytes(b"database" * 500_000)
    export = an_export(path)
    seal(path, export)
    return path, export


def test_what_is_said_is_read_back_and_the_database_copied(sealed: tuple[Path, Export]) -> None:
    path, export = sealed
    assert path.read_bytes().endswith(MAGIC)
    assert read_export(path) == export
    copy = path.with_name("copy")
    copy_database(path, export, copy)
    assert copy.read_bytes() == b"database" * 500_000
    assert copy.stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_not_copied_over(sealed: tuple[Path, Export]) -> None:
    path, export = sealed
    path.with_name("copy").write_bytes(b"there")
    with pytest.raises(StoreUnavailable, match="File exists"):
        copy_database(path, export, path.with_name("copy"))


def test_a_file_that_changes_while_it_is_copied_is_noticed(sealed: tuple[Path, Export]) -> None:
    path, export = sealed
    path.write_bytes(b"database")
    with pytest.raises(BackupDamaged, match="checksum"):
        copy_database(path, export, path.with_name("copy"))
