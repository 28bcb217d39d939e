"""Manifests of backups."""

from pathlib import Path

import pytest
from msgspec.structs import replace

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

BACKUP = Backup("0.1.0", 8, 1_800_000_000, 4096, "ab" * 32, (BackedUpShop("4711", 22, "0x" + "cd" * 32),))
BEFORE = replace(BACKUP, sha256="ef" * 32)


def test_a_manifest_comes_back_as_it_was_and_is_private(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    assert read_manifest(backup) is None
    for manifest in (Manifest(BACKUP), Manifest(BACKUP, BEFORE)):
        write_manifest(backup, manifest)
        assert read_manifest(backup) == manifest
    assert manifest_path(backup).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["backup.json"]


def test_it_knows_the_backup_that_should_be_there_and_the_one_before() -> None:
    manifest = Manifest(BACKUP, BEFORE)
    assert manifest.find(BACKUP.sha256) == BACKUP
    assert manifest.find(BEFORE.sha256) == BEFORE
    assert manifest.find("00" * 32) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"current": 1}'])
def test_what_is_no_manifest_is_said(tmp_path: Path, content: bytes) -> None:
    backup = tmp_path / "backup"
    manifest_path(backup).write_bytes(content)
    with pytest.raises(StoreError, match=r"backup\.json: not the manifest"):
        read_manifest(backup)


def test_a_file_is_hashed_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
