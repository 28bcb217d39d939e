"""The bar of a replay."""

import io
import sys

import pytest

from minirelay.cli.replay_bar import replay_bar


def test_in_a_pipe_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with replay_bar("exporting") as progress:
        progress(1, 2)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with replay_bar("exporting") as progress:
        progress(500, 1000)
        progress(500, 1000)
    assert "exporting, 1,000 sets" in terminal.getvalue()
