"""`minirelay shops`: a table for people, JSON for scripts."""

import asyncio
import json
from pathlib import Path

import pytest

from minirelay.cli.main import run
from minirelay.cli.tables import size
from minirelay.protocol.gaps import GAP_STEP
from tests.cli.test_verify import OTHER_SHOP, fill
from tests.relay.house import NOON, SHOP, restore, running_relay


def test_the_table_fits_and_has_a_line_for_each_shop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = asyncio.run(fill(tmp_path))
    assert run(["shops", "--data-dir", str(tmp_path)]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["shop", "last", "set"]
    assert len(lines) == 2
    assert head.split()[-2:] == ["hash", "log"]
    assert max(len(line) for line in [head, *lines]) <= 80
    assert lines[0].startswith(str(SHOP))
    assert roots[str(SHOP)][:10] in lines[0]
    assert str(OTHER_SHOP)[:10] in lines[1]
    # What it calls a shop, the other commands understand.
    for line in lines:
        for command in ("shop", "verify"):
            assert run([command, line.split()[0], "--data-dir", str(tmp_path)]) == 0


def test_json_has_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots = asyncio.run(fill(tmp_path))
    assert run(["shops", "--json", "--data-dir", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["shop_id"]: one["root_hash"] for one in found} == roots
    assert [one["listings"] for one in found] == [2, 2]
    assert [one["clerk_cards"] for one in found] == [1, 1]
    assert all(one["sequence_number"] == 2 and one["patches"] == 4 for one in found)
    assert all(one["log_bytes"] > one["object_bytes"] > 0 for one in found)


def test_it_says_how_full_each_shop_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(fill(tmp_path))
    monkeypatch.setenv("MINIRELAY_LIMITS_SHOP_LOG", "10000")
    assert run(["shops", "--json", "--data-dir", str(tmp_path)]) == 0
    one, other = json.loads(capsys.readouterr().out)
    assert one["log_quota_bytes"] == 10_000
    assert (one["blob_bytes"], one["blob_quota_bytes"]) == (0, 2**30)
    assert run(["shops", "--data-dir", str(tmp_path)]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    for shop, line in zip((one, other), lines, strict=True):
        assert f" {shop['log_bytes'] / 10_000:.0%} " in line
    assert run(["shop", str(SHOP), "--data-dir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert f"{size(one['log_bytes'])} of 9.8 KiB" in shown
    assert "files      0 B of 1.0 GiB" in shown


def test_a_relay_without_shops_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def nothing() -> None:
        async with running_relay(tmp_path):
            pass

    asyncio.run(nothing())
    assert run(["shops", "--data-dir", str(tmp_path)]) == 0
    assert "no shops yet" in capsys.readouterr().out
    assert run(["shops", "--json", "--data-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_behind_a_gap_it_still_fits_and_calls_the_number_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fill_and_restore() -> None:
        await fill(tmp_path)
        restore(tmp_path)
        async with running_relay(tmp_path) as house:
            for shop_id in (SHOP, OTHER_SHOP):
                await house.enrol(is_guest=True, shop_id=shop_id)

    asyncio.run(fill_and_restore())
    assert run(["shops", "--data-dir", str(tmp_path)]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert max(map(len, [head, *lines])) <= 80
    number = f"{NOON // 60 * GAP_STEP:,}"
    assert all(line.split()[1] == number for line in lines)
    assert run(["shop", str(SHOP), "--data-dir", str(tmp_path)]) == 0
    assert f"last set {number}, 5 patches" in capsys.readouterr().out
