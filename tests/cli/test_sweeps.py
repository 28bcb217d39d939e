"""What lies unswept, as people read it, on 80 columns."""

from pathlib import Path
from typing import Any

import pytest

from minirelay.cli.sweeps import print_unswept, send_all


def row(verdict: str, why: str = "for a reason", **changed: object) -> dict[str, Any]:
    return {
        "request": "0x" + "12" * 32,
        "order": str(2**63),
        "chain": 1,
        "request_chain": 1,
        "verdict": verdict,
        "why": why,
        "currency": "0x" + "aB" * 20,
        "currency_shown": "0xaBaB…",
        "amount_shown": "12.000000000000000001",
        "until": "2026-11-30T15:01:00Z",
    } | changed


def test_the_table_says_why_and_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    print_unswept([row("sweep"), row("locked", "never " * 30), row("locked", "never " * 30)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["what", "sweep", "locked", "locked"]
    assert sum(line.startswith("locked: never") for line in lines) == 1
    assert lines[-1] == "1 payment can be swept: minirelay payments sweep --send"
    assert max(map(len, lines)) <= 80


def test_what_lies_on_the_wrong_chain_is_told_apart_and_sent_only_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_unswept([row("wait"), row("sweep", "it came on this chain " * 5, chain=10), row("wait", chain=7)])
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert "0x1212121212, chain 10: it came on this chain" in text
    assert "0x1212121212, chain 7: for a reason" in text
    assert lines[-1] == "on the wrong chain: minirelay payments sweep --chain 10 --send"
    assert "can be swept" not in text
    assert max(map(len, lines)) <= 80


def test_nothing_is_said_to_be_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    print_unswept([])
    assert capsys.readouterr().out == "nothing lies unswept\n"
    send_all(tmp_path, [row("wait")], as_json=False, timeout_s=1)
    assert "nothing that can be swept" in capsys.readouterr().out
