"""`minirelay`: commands, and errors of one line."""

import subprocess
import sys

import click
import pytest

from minirelay import __version__
from minirelay.cli import main as main_module
from minirelay.cli.main import COMMANDS, cli, run
from minirelay.errors import ChainError, ConfigError
from tests.cli.commands import assert_one_line, command, minirelay, variables


def test_every_command_can_be_imported_and_says_what_it_does() -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        found = cli.get_command(context, name)
        assert found is not None
        assert found.get_short_help_str()


def test_no_command_is_described_by_half_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    listed = capsys.readouterr().out.partition("Commands:")[2].splitlines()
    assert [line for line in listed if line.endswith("...") or len(line) > 80] == []


def test_what_is_no_number_is_said_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "ack", "abc"]) == 2
    assert "'abc' is not a whole number" in capsys.readouterr().err


def test_version() -> None:
    outcome = minirelay("--version")
    assert (outcome.code, outcome.out) == (0, f"minirelay {__version__}\n")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_commands(flag: str) -> None:
    outcome = minirelay(flag)
    assert outcome.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in outcome.out


def test_without_a_command_it_helps() -> None:
    outcome = minirelay()
    assert outcome.code == 2
    assert "Commands:" in outcome.err


HEAVY = ("aiohttp", "msgspec", "eth_abi", "web3", "coincurve", "google.protobuf", "rich", "cbor2", "sqlite3")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from minirelay.cli.main import run; run(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["doctr"], ["No such command 'doctr'. Did you mean 'doctor'?", "see `minirelay --help`"]),
        (["serv"], ["No such command 'serv'", "see `minirelay --help`"]),
        (["--bogus"], ["No such option '--bogus'"]),
        (["serve", "--bogus"], ["No such option '--bogus'", "see `minirelay serve --help`"]),
        (["decode"], ["Missing argument 'SOURCE'"]),
        (["serve", "extra"], ["unexpected extra argument (extra)"]),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments: list[str], words: list[str]) -> None:
    assert_one_line(minirelay(*arguments), 2, *words)


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(main_module.cli, "main", fail)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("base_url: wrong,\n  so wrong"), 2, "minirelay: base_url: wrong, so wrong\n"),
        (ChainError("no endpoint"), 1, "minirelay: no endpoint\n"),
    ],
)
def test_errors_are_one_line(
    error: Exception,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raising(monkeypatch, error)
    assert run([]) == code
    assert capsys.readouterr().err == line


def test_bugs_say_where_they_are(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    raising(monkeypatch, KeyError("a\nkey"))
    assert run([]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"minirelay: a bug in minirelay {__version__} at ")
    assert "KeyError: 'a\\nkey'; please report it" in err
    assert err.count("\n") == 1


def test_interruptions_are_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, click.exceptions.Abort())
    assert run([]) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_has_enough() -> None:
    process = subprocess.Popen(
        command("decode", "83" + "01" * 3), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables({})
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1
