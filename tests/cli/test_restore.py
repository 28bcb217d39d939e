"""`minirelay restore`."""

from pathlib import Path

import pytest

from minirelay.cli.main import run
from minirelay.store.lock import DirectoryLock
from tests.cli.commands import assert_one_line, minirelay
from tests.operations.databases import fill, write


def test_a_backup_is_restored_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "data")
    run(["backup", str(tmp_path / "b"), "--data-dir", str(tmp_path / "data")])
    capsys.readouterr()
    assert run(["restore", str(tmp_path / "b"), "--data-dir", str(tmp_path / "new")]) == 0
    out = capsys.readouterr().out
    assert "2 shops" in out
    assert "What was there" not in out
    assert run(["restore", str(tmp_path / "b"), "--data-dir", str(tmp_path / "new")]) == 0
    assert "before-restore-" in capsys.readouterr().out
    assert run(["verify", "--data-dir", str(tmp_path / "new")]) == 0


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    data = str(tmp_path / "data")
    assert_one_line(minirelay("restore", str(tmp_path / "b"), DATA_DIR=data), 1, "no such file")
    minirelay("backup", str(tmp_path / "b"), DATA_DIR=data)
    write(tmp_path / "data", 9)
    assert_one_line(minirelay("restore", str(tmp_path / "b"), DATA_DIR=data), 1, "would be lost", "--force")
    (tmp_path / "rubbish").write_bytes(b"rubbish" * 999)
    assert_one_line(minirelay("restore", str(tmp_path / "rubbish"), DATA_DIR=data), 1, "damaged")
    lock = DirectoryLock(tmp_path / "data")
    assert_one_line(minirelay("restore", str(tmp_path / "b"), DATA_DIR=data), 1, "stop that one first")
    lock.release()
