"""`minirelay export`."""

import json
from pathlib import Path

import pytest

from minirelay.cli.main import run
from tests.cli.commands import assert_one_line, minirelay
from tests.operations.databases import OTHER_SHOP, fill
from tests.relay.house import SHOP


def test_an_export_says_what_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots = fill(tmp_path / "data")
    assert run(["export", str(SHOP), str(tmp_path / "file"), "--data-dir", str(tmp_path / "data")]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    first, shop, second, root, *rest = out.out.splitlines()
    assert first.startswith(f"{tmp_path / 'file'}: ")
    assert (shop, root) == (f"  {SHOP}", f"  {roots[SHOP]}")
    assert second == "up to set 4, with the root hash"
    assert "is not in the file" in rest[-1]


def test_scripts_get_json_and_a_shop_has_a_short_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = fill(tmp_path / "data")
    short = f"{str(OTHER_SHOP)[:10]}…{str(OTHER_SHOP)[-8:]}"
    assert run(["export", short, str(tmp_path / "f"), "--json", "--data-dir", str(tmp_path / "data")]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["shop_id"], made["root_hash"]) == (str(OTHER_SHOP), roots[OTHER_SHOP])
    assert made["file"] == str(tmp_path / "f")


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    file, data = str(tmp_path / "file"), str(tmp_path / "data")
    assert_one_line(minirelay("export", "5", file, DATA_DIR=data), 1, "no such file")
    fill(tmp_path / "data")
    assert_one_line(minirelay("export", "5", file, DATA_DIR=data), 2, "shop 5 is not on this relay")
    assert_one_line(minirelay("export", "x", file, DATA_DIR=data), 2, "x: ")
    nowhere = minirelay("export", str(SHOP), str(tmp_path / "no" / "file"), DATA_DIR=data)
    assert_one_line(nowhere, 1, "No such file or directory")
