"""What commands print: readable lines, JSON, nothing that a stranger could steer a terminal with."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from minirelay.cli.output import busy, show, to_json, written

DOCUMENT: dict[Any, Any] = {
    "name": "Füße",
    "price": 2**256 - 1,
    "is_sold": False,
    "none": None,
    "hash": b"\0\xff",
    "since": datetime(2025, 6, 1, tzinfo=UTC),
    "empty": {},
    "list": [1, [], {"a": 1, "b": [2]}, [3, 4]],
    7: "number",
    b"\xab": "bytes",
}

TEXT = """\
name: "Füße"
price: 115792089237316195423570985008687907853269984665640564039457584007913129639935
is_sold: false
none: null
hash: 0x00ff
since: 2025-06-01T00:00:00Z
empty: {}
list:
  - 1
  - []
  -
    a: 1
    b:
      - 2
  -
    - 3
    - 4
7: "number"
0xab: "bytes"
"""


def test_plain_lines_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    show(DOCUMENT, as_json=False)
    assert capsys.readouterr().out == TEXT


def test_json_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    show(DOCUMENT, as_json=True)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == to_json(DOCUMENT)
    assert json.loads(out)["hash"] == "0x00ff"
    assert json.loads(out)["7"] == "number"
    assert json.loads(out)["0xab"] == "bytes"
    assert json.loads(out)["price"] == 2**256 - 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show({"a": 1}, as_json=False)
    assert "\x1b[" in terminal.getvalue()
    terminal.truncate(0)
    show({"a": 1}, as_json=True)
    assert "\x1b[" not in terminal.getvalue()


def test_long_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show({"a": "x" * 1000}, as_json=False)
    assert capsys.readouterr().out == f'a: "{"x" * 1000}"\n'


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "a\nb", "\u202e", "\r", "\x07", "\u2028", "[bold]x[/bold]", "\\"]
)
def test_strangers_words_are_shown_and_not_obeyed(hostile: str, capsys: pytest.CaptureFixture[str]) -> None:
    show({hostile: hostile, "list": [hostile]}, as_json=False)
    out = capsys.readouterr().out
    assert out.count("\n") == 3
    assert out.replace("\n", "").isprintable()
    assert json.loads(out.splitlines()[-1].removeprefix("  - ")) == hostile


def test_scalars() -> None:
    assert [written(value) for value in (0, 1, True, False, None, 1.5, "", b"")] == [
        "0",
        "1",
        "true",
        "false",
        "null",
        "1.5",
        '""',
        "0x",
    ]


def test_a_lone_value(capsys: pytest.CaptureFixture[str]) -> None:
    show("x", as_json=False)
    show([], as_json=False)
    assert capsys.readouterr().out == '"x"\n[]\n'


def test_progress_is_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    with busy("working"):
        pass
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
