"""`minirelay shop ID`: everything about one shop."""

import asyncio
import json
from pathlib import Path

import pytest

from minirelay.cli.main import run
from tests.cli.test_verify import fill
from tests.relay.house import SHOP


def test_it_shows_the_shop_and_its_clerks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roots = asyncio.run(fill(tmp_path))
    assert run(["shop", str(SHOP), "--json", "--data-dir", str(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["root_hash"] == roots[str(SHOP)]
    (clerk,) = document["clerks"]
    assert len(clerk["key_card"]) == 68
    assert clerk["last_nonce"] == 1
    assert clerk["is_unlinked"] is False
    assert run(["shop", hex(SHOP), "--data-dir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Shop {SHOP}\n")
    assert roots[str(SHOP)] in shown
    assert "2 listings" in shown
    assert "1 clerk's, 0 guests', 0 unlinked" in shown
    assert clerk["key_card"] in shown
    assert clerk["wallet"] in shown
    assert max(map(len, shown.splitlines())) <= 90


@pytest.mark.parametrize("name", ["", "x", "-1", "0x", "1.5", str(2**256), "0x" + "f" * 65])
def test_what_is_no_shop_id_is_said_in_a_line(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(tmp_path))
    assert run(["shop", "--data-dir", str(tmp_path), "--", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1
