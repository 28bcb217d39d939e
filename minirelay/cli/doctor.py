"""`minirelay doctor`: prints what is wrong before a customer notices, and what to do about it."""

import asyncio
import sys
import textwrap
from collections.abc import Iterable, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.errors import ConfigError, MinirelayError

if TYPE_CHECKING:
    from minirelay.config.settings import Settings
    from minirelay.operations.checks.result import Result

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}
_INDENT: Final = 18
_RELAY_TIMEOUT_S: Final = 8.0


class RelaySilent(MinirelayError):
    """The running relay could not be asked."""


@click.command(cls=CommandWithSettings)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool, **given: Any) -> int:
    """Look for what is wrong, and say what to do about it.

    It checks versions, settings, files, disk, wallet, chains, contracts, token, proxy, alerts and backups.
    Each line is ok, warn or fail; the exit code is 1 if anything fails. It only looks, with or without a
    running relay, and takes ten seconds or so where something does not answer.

    \b
    For example:
      minirelay doctor
      minirelay doctor --json
    """
    from minirelay.config.settings import Settings
    from minirelay.logs import configure

    # What goes wrong on the way is in the lines.
    configure("error", "text", Settings().log_bounds)
    with busy("looking at everything"):
        results = _results(given)
    is_failing = any(one.verdict == "fail" for one in results)
    if as_json:
        show(_document(results), as_json=True)
    else:
        for line in _lines(results):
            click.echo(line)
    return int(is_failing)


def _results(given: dict[str, Any]) -> "Sequence[Result]":
    from minirelay.operations.checks.configuration import unusable
    from minirelay.operations.checks.diagnosis import Diagnosis, check_versions

    try:
        settings = read_settings(given)
    except ConfigError as error:
        return [*check_versions(), unusable(error)]
    return asyncio.run(Diagnosis(settings, _asking(settings)).run())


def _asking(settings: "Settings") -> Any:
    from minirelay.cli.operating import ask_if_running

    async def ask(method: str, path: str) -> Any:
        try:
            return await ask_if_running(settings.data_dir, method, path, timeout_s=_RELAY_TIMEOUT_S)
        except click.ClickException as error:
            raise RelaySilent(error.message) from error

    return ask


def _document(results: "Iterable[Result]") -> list[dict[str, str]]:
    return [
        {"line": one.line.value, "verdict": one.verdict.value, "text": one.text, "remedy": one.remedy}
        for one in results
    ]


def _lines(results: "Sequence[Result]") -> Iterable[str]:
    """Write a line for each; on a terminal it is folded at its width."""
    for one in results:
        said = f"{one.text}; {one.remedy}" if one.remedy else one.text
        head = f"{one.verdict.value:<4}  {one.line.value:<11} "
        for number, line in enumerate(_fold(f"{head}{said}")):
            word = click.style(line[:4], fg=_COLOURS[one.verdict.value]) if not number else line[:4]
            yield f"{word}{line[4:]}"


def _fold(line: str) -> list[str]:
    if not sys.stdout.isatty():
        return [line]
    width = get_terminal_size().columns
    return textwrap.wrap(line, width, subsequent_indent=" " * _INDENT, break_on_hyphens=False)
