"""`minirelay import`."""

import json
from pathlib import Path

import pytest

from minirelay.cli.main import run
from minirelay.protocol.signing import checksum_address
from minirelay.store.lock import DirectoryLock
from tests.cli.commands import WALLET, assert_one_line, minirelay
from tests.operations.databases import fill
from tests.operations.shops import export_of
from tests.relay.house import RELAY_KEY, SHOP

SIGNED_BY = checksum_address(RELAY_KEY.address)


@pytest.fixture
def file(tmp_path: Path) -> str:
    fill(tmp_path / "data")
    export_of(tmp_path / "data", SHOP, tmp_path / "file")
    return str(tmp_path / "file")


def key_file(folder: Path, key: str) -> str:
    path = folder / "wallet.key"
    path.write_text(key)
    path.chmod(0o600)
    return str(path)


def test_a_shop_is_imported_and_verified(
    tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    new = ["--data-dir", str(tmp_path / "new")]
    assert run(["import", file, *new]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    assert f"shop {SHOP} is imported" in out.out
    assert f"For the shop has signed until now:\n  {SIGNED_BY}" in out.out
    # But for the names of the files, which are as long as they are.
    lines = out.out.replace(str(tmp_path), "").splitlines()
    assert all(len(line) <= 110 for line in lines)
    assert run(["verify", *new]) == 0
    capsys.readouterr()
    assert run(["shops", "--json", *new]) == 0
    (shop,) = json.loads(capsys.readouterr().out)
    assert shop["shop_id"] == str(SHOP)


def test_another_wallet_than_the_one_that_signed_is_said(
    tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wallet = ["--wallet-key-file", key_file(tmp_path, WALLET.private_key)]
    assert run(["import", file, "--data-dir", str(tmp_path / "new"), *wallet]) == 0
    out = capsys.readouterr().out
    assert f"  {SIGNED_BY}\n  {WALLET.address} (this relay's)\n" in out
    assert "refuse what the old one signed" in out


def test_the_same_wallet_needs_no_word(tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    wallet = ["--wallet-key-file", key_file(tmp_path, "77" * 32)]
    assert run(["import", file, "--json", "--data-dir", str(tmp_path / "new"), *wallet]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["is_same_wallet"] is True
    assert (said["signed_by"], said["wallet"]) == ([SIGNED_BY], SIGNED_BY)
    assert said["next_sequence_number"] > said["sequence_number"] == 4
    assert said["read_again"] == []


def test_mistakes_are_one_line(tmp_path: Path, file: str) -> None:
    new = str(tmp_path / "new")
    assert_one_line(minirelay("import", str(tmp_path / "nothing"), DATA_DIR=new), 1, "no such file")
    (tmp_path / "rubbish").write_bytes(b"rubbish" * 999)
    assert_one_line(minirelay("import", str(tmp_path / "rubbish"), DATA_DIR=new), 1, "not an export")
    assert minirelay("import", file, DATA_DIR=new).code == 0
    assert_one_line(minirelay("import", file, DATA_DIR=new), 1, "is on this relay already")
    lock = DirectoryLock(tmp_path / "new")
    assert_one_line(minirelay("import", file, DATA_DIR=new), 1, "stop that one first")
    lock.release()
    assert_one_line(minirelay("verify", file), 1, "minirelay import")
