"""The flags of `minirelay dev`; what it runs is tested in tests/dev, the program in tests/system."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from minirelay.cli import dev as module
from minirelay.cli.main import run

FLAGS = [
    "--host",
    "--port",
    "--chain-port",
    "--base-url",
    "--data",
    "--no-demo",
    "--block-time",
    "--ping-interval",
    "--kick-timeout",
    "--poll-interval",
    "--price-factor",
    "--rpc-url",
    "--contracts",
    "--export-contracts",
    "--accept-loss",
    "--wallets",
    "--quiet",
    "--json",
]


SWITCHES = {"--no-demo", "--accept-loss", "--wallets", "--quiet", "--json"}


def test_the_help_names_every_flag_and_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dev", "--help"]) == 0
    text = capsys.readouterr().out
    assert [flag for flag in FLAGS if f"{flag} " not in text and f"{flag}\n" not in text] == []
    assert "4444" in text
    assert "8545" in text
    assert " ".join(text.split()).count("[default: ") >= len(FLAGS) - len(SWITCHES)


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == "eth" else importlib.util.find_spec(name)

    monkeypatch.setattr(module, "find_spec", find_spec)
    assert run(["dev"]) != 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "pip install 'minirelay[dev]'" in captured.err


@pytest.mark.parametrize("factor", ["1500", "0/1", "1/0", "-1/1", "1.5/1", "1/1/1", "", "9" * 40 + "/1"])
def test_a_price_factor_is_two_numbers(factor: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dev", "--price-factor", factor, "--port", "0", "--chain-port", "0"]) != 0
    assert "--price-factor" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--port", "70000"], ["--chain-port", "-1"], ["--block-time", "0"]])
def test_numbers_have_bounds(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dev", *flags]) == 2
    assert flags[0] in capsys.readouterr().err
