"""`minirelay backup`, and `verify` of what it made."""

import json
from pathlib import Path

import pytest

from minirelay.cli.main import run
from minirelay.operations.last_backup import recall_backup
from tests.cli.commands import assert_one_line, minirelay
from tests.operations.databases import fill
from tests.relay.house import SHOP


def test_a_backup_says_where_it_is_and_what_is_not_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "data")
    assert run(["backup", str(tmp_path / "b"), "--data-dir", str(tmp_path / "data")]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path / 'b'}: ")
    assert first.endswith("2 shops, checked")
    assert second.startswith("  sha256 ")
    assert len(second) <= 80
    assert "key is not in it" in third
    assert recall_backup(tmp_path / "data") == tmp_path / "b"


def test_scripts_get_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots = fill(tmp_path / "data")
    assert run(["backup", str(tmp_path / "b"), "--json", "--data-dir", str(tmp_path / "data")]) == 0
    made = json.loads(capsys.readouterr().out)
    assert {int(shop["shop_id"]): shop["root_hash"] for shop in made["shops"]} == roots
    assert made["file"] == str(tmp_path / "b")


def test_a_backup_can_be_verified_where_it_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "data")
    backup = tmp_path / "stick" / "backup"
    backup.parent.mkdir()
    run(["backup", str(backup), "--data-dir", str(tmp_path / "data")])
    capsys.readouterr()
    backup.parent.chmod(0o500)
    backup.chmod(0o400)
    assert run(["verify", str(backup)]) == 0
    assert capsys.readouterr().out.count("ok ") == 3
    backup.parent.chmod(0o700)
    backup.chmod(0o600)
    content = bytearray(backup.read_bytes())
    content[8192:12288] = bytes(4096)
    backup.write_bytes(content)
    assert run(["verify", str(backup)]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    nothing = minirelay("backup", str(tmp_path / "b"), DATA_DIR=str(tmp_path / "nothing"))
    assert_one_line(nothing, 1, "no such file", "data_dir")
    fill(tmp_path / "data")
    nowhere = minirelay("backup", str(tmp_path / "nowhere" / "b"), DATA_DIR=str(tmp_path / "data"))
    assert_one_line(nowhere, 1, "nowhere", "No such file or directory")


def test_its_help_has_an_example() -> None:
    assert "--keep 14" in minirelay("backup", "--help").out


def test_a_shop_is_still_verified_by_its_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert run(["verify", str(SHOP), "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("ok ") == 2
