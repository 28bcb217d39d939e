"""`minirelay verify` on a real database, and what the commands that look into one have in common."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.cli.inspection import shortened
from minirelay.cli.main import run
from minirelay.store.database import FILE_NAME
from minirelay.store.high_water import HIGH_WATER_FILE
from tests.relay.house import SHOP, listing, running_relay

OTHER_SHOP = 2**256 - 1


async def fill(directory: Path) -> dict[str, str]:
    """Make two shops; give their root hashes by shop id."""
    roots = {}
    async with running_relay(directory) as house:
        for shop_id in (SHOP, OTHER_SHOP):
            clerk = await house.clerk(shop_id)
            roots[str(shop_id)] = f"0x{(await clerk.write(listing(1), listing(2))).hex()}"
    return roots


@pytest.fixture
def shops(tmp_path: Path) -> tuple[str, dict[str, str]]:
    return str(tmp_path), asyncio.run(fill(tmp_path))


def test_all_shops_are_verified(
    shops: tuple[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    directory, roots = shops
    assert run(["verify", "--data-dir", directory]) == 0
    out = capsys.readouterr().out
    assert out.count("ok ") == 3
    assert "every page read, 0." in out.splitlines()[0]
    assert all(shortened(shop_id) in out and root in out for shop_id, root in roots.items())
    assert max(map(len, out.splitlines()[1:])) <= 80


def test_one_shop_is_verified_by_its_id(
    shops: tuple[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    directory, roots = shops
    for name in (str(SHOP), hex(SHOP)):
        assert run(["verify", name, "--json", "--data-dir", directory]) == 0
        database, shop = json.loads(capsys.readouterr().out)
        assert shop == {
            "shop_id": str(SHOP),
            "ok": True,
            "sets": 2,
            "patches": 4,
            "root_hash": roots[str(SHOP)],
        }
        path = Path(directory) / FILE_NAME
        assert (database["database"], database["ok"]) == (str(path), True)
        assert database["bytes"] == path.stat().st_size
        assert database["seconds"] >= 0


def test_a_file_that_is_not_there_is_named_and_not_the_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", "relay.backup", "--data-dir", str(tmp_path)]) == 2
    assert "relay.backup: no such file" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_difference_ends_with_exit_code_1(
    shops: tuple[str, dict[str, str]], flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    directory, _ = shops
    connection = sqlite3.connect(Path(directory) / FILE_NAME)
    connection.execute("DELETE FROM object WHERE shop = 2 AND object_type = 1")
    connection.commit()
    connection.close()
    assert run(["verify", *flags, "--data-dir", directory]) == 1
    out = capsys.readouterr().out
    if flags:
        database, sound, broken = json.loads(out)
        assert database["ok"]
        assert sound["ok"]
        assert not broken["ok"]
        assert "listing" in broken["difference"]
    else:
        assert "FAIL" in out
        assert "ok " in out


@pytest.mark.parametrize("table", ["shop", "key_card", "patch_set", "patch_index", "object"])
@pytest.mark.parametrize("named", [[], [str(SHOP)]])
def test_a_damaged_page_is_a_difference_in_a_line(
    shops: tuple[str, dict[str, str]], named: list[str], table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(shops[0]) / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        page = connection.execute(sql, (table,)).fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    assert run(["verify", *named, "--data-dir", shops[0]]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    first = captured.out.splitlines()[0]
    assert first.startswith(f"FAIL  {path}: the file is damaged: ")
    assert all(line.startswith(("FAIL", "ok")) for line in captured.out.splitlines())


@pytest.mark.parametrize("damage", ["a page", "cut", "empty", "none", "header"])
def test_of_a_damaged_backup_the_advice_is_to_take_an_older_one(
    shops: tuple[str, dict[str, str]], damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = Path(shops[0]) / "copy"
    assert run(["backup", str(backup), "--data-dir", shops[0]]) == 0
    whole = backup.read_bytes()
    wrong = {
        "a page": whole[: 3 * 4096] + b"\xa5" * 4096 + whole[4 * 4096 :],
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "none": b"no database" * 1000,
        "header": whole[:40] + b"\xa5" * 4056 + whole[4096:],
    }
    backup.write_bytes(wrong[damage])
    capsys.readouterr()
    assert run(["verify", str(backup), "--data-dir", shops[0]]) == 1
    captured = capsys.readouterr()
    first = (captured.out + captured.err).splitlines()[0]
    assert f"{backup}: " in first
    assert first.endswith("; take an older one: FILE.1 is the one before FILE")
    assert "data directory" not in first


def test_an_export_is_no_backup_and_what_reads_it_is_named(
    shops: tuple[str, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export, new = tmp_path / "shop.export", tmp_path / "new"
    assert run(["export", str(SHOP), str(export), "--data-dir", shops[0]]) == 0
    for command in ("verify", "restore"):
        capsys.readouterr()
        assert run([command, str(export), "--data-dir", str(new)]) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert f"an export of one shop, no backup; `minirelay import {export}` reads it" in err
    assert not new.exists()


def test_a_database_that_lacks_what_the_note_beside_it_remembers_is_not_whole(
    shops: tuple[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = Path(shops[0])
    older = (directory / FILE_NAME).read_bytes()

    async def go_on() -> None:
        async with running_relay(directory) as house:
            await (await house.clerk()).write(listing(3))

    asyncio.run(go_on())
    assert run(["verify", "--data-dir", shops[0]]) == 0
    (directory / FILE_NAME).write_bytes(older)
    capsys.readouterr()
    for named in ([], [str(SHOP)]):
        assert run(["verify", *named, "--data-dir", shops[0]]) == 1
        missing = f"data is missing: the log of shop {SHOP} ends with set 2 and went on to 4"
        assert capsys.readouterr().out.splitlines()[0] == f"FAIL  {directory / FILE_NAME}: {missing}"


def test_a_damaged_note_beside_the_database_is_a_difference(
    shops: tuple[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(shops[0]) / HIGH_WATER_FILE).write_bytes(b"{}")
    assert run(["verify", "--data-dir", shops[0]]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert HIGH_WATER_FILE in captured.out.splitlines()[0]
    assert "it is damaged" in captured.out.splitlines()[0]


@pytest.mark.parametrize("command", [["verify", "5"], ["shop", "5"]])
def test_an_unknown_shop_is_said_in_a_line(
    shops: tuple[str, dict[str, str]], command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--data-dir", shops[0]]) == 2
    err = capsys.readouterr().err
    assert "shop 5 is not on this relay" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [["verify"], ["shops"], ["shop", "1"]])
def test_a_missing_database_is_said_in_a_line(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--data-dir", str(tmp_path / "nowhere")]) == 1
    err = capsys.readouterr().err
    assert str(tmp_path / "nowhere") in err
    assert err.count("\n") == 1
    assert not (tmp_path / "nowhere").exists()
