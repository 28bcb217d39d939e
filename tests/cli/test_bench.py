"""`minirelay bench`: its flags, its output, and that its relays end with it."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from minirelay.bench.fixtures import SHOP_ID, Cards
from minirelay.bench.goals import COST_OF_IDLE, WRITES_PER_S
from minirelay.bench.report import Figure, Report, Section
from minirelay.bench.run import SCENARIOS as ALL_SCENARIOS
from minirelay.bench.target import OwnRelay
from minirelay.cli.bench import SCENARIOS, bench
from minirelay.protocol.signing import PrivateKey
from tests.cli.commands import assert_one_line, command, minirelay, variables


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card"
    path.write_text("0x" + "11" * 32 + "\n")
    return path


def test_all_scenarios_can_be_named() -> None:
    assert tuple(ALL_SCENARIOS) == SCENARIOS


def test_a_report_in_a_pipe(tmp_path: Path) -> None:
    outcome = minirelay("bench", "--quick", "--only", "latency", "--directory", str(tmp_path))
    assert (outcome.code, outcome.err) == (0, "")
    assert "A lone writer" in outcome.out
    assert "write to push, p99" in outcome.out
    assert "≤ 15: " in outcome.out
    assert "\x1b" not in outcome.out
    assert list(tmp_path.iterdir()) == []


def test_a_report_as_json() -> None:
    outcome = minirelay(
        "bench", "--quick", "--only", "writes", "--listings", "30,10", "--rounds", "1", "--json"
    )
    assert (outcome.code, outcome.err) == (0, "")
    report = json.loads(outcome.out)
    names = [scenario["name"] for scenario in report["scenarios"]]
    assert names == ["calibration-before", "writes", "calibration-after"]
    figures = {figure["name"]: figure for figure in report["scenarios"][1]["figures"]}
    assert figures["acknowledged at 10 listings"]["value"] > 0
    assert "cost of a write at 30 listings, in writes at 10" in figures


@pytest.mark.parametrize(("value", "code"), [(1.1, 0), (1.11, 1)])
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_what_must_hold_and_does_not_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, value: float, code: int, flags: list[str]
) -> None:
    figures = (Figure("idle", value, "x", COST_OF_IDLE), Figure("slow", 1, "sets/s", WRITES_PER_S))
    report = Report((), (Section("fanout", "Fan-out", figures),))
    monkeypatch.setattr("minirelay.bench.run.run", lambda *_: report)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    outcome = CliRunner().invoke(bench, flags)
    assert outcome.exit_code == code
    assert "idle" in outcome.output


def test_a_relay_that_runs(tmp_path: Path, card: Path) -> None:
    relay = OwnRelay(tmp_path, Cards([PrivateKey.from_bytes(b"\x11" * 32)]))
    try:
        outcome = minirelay(
            *("bench", "--quick", "--only", "latency", "--json"),
            *("--url", relay.start().url, "--shop", str(SHOP_ID), "--key-card", str(card)),
        )
    finally:
        relay.stop()
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["scenarios"][1]["name"] == "latency"


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--only", "nothing"], 2, "nothing"),
        (["--listings", "1,x"], 2, "'1,x' is no list of sizes"),
        (["--listings", "0"], 2, "no list of sizes"),
        (["--shop", "1"], 2, "name it with --url"),
        (["--url", "http://127.0.0.1:1"], 2, "--url needs --shop and --key-card"),
        (["--url", "https://127.0.0.1", "--shop", "1"], 2, "expected http://"),
        (["--directory", "/no/such/place"], 2, "/no/such/place"),
    ],
)
def test_wrong_use(flags: list[str], code: int, words: str) -> None:
    assert_one_line(minirelay("bench", *flags), code, words)


def test_what_needs_a_relay_of_its_own(card: Path) -> None:
    flags = ["--url", "http://127.0.0.1:1", "--shop", "1", "--key-card", str(card)]
    assert_one_line(
        minirelay("bench", "--only", "memory", *flags), 1, "memory needs a relay that the benchmark"
    )


@pytest.mark.parametrize("content", [b"", b"0x1234", b"\xff" * 64, b"00" * 32, b"11" * 33])
def test_key_cards_that_are_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "card"
    file.write_bytes(content)
    outcome = minirelay("bench", "--url", "http://127.0.0.1:1", "--shop", "1", "--key-card", str(file))
    assert_one_line(outcome, 2, "holds no private key")
    assert content.decode("latin-1") not in outcome.err or not content


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_its_relays_end_with_it(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        command("bench", "--only", "backlog", "--directory", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables({}),
    )
    log = _wait_for_log(tmp_path)
    assert "serving" in log
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert b"Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def _wait_for_log(directory: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for file in directory.glob("*/relay.log"):
            text = file.read_text()
            if "serving" in text:
                return text
        time.sleep(0.01)
    raise AssertionError("no relay was started")
