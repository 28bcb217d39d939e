"""`minirelay help`: the pages of the manual, and the help of commands."""

import os
import pty
import re
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from minirelay.cli.help import pages
from tests.cli.commands import TIMEOUT_S, assert_one_line, command, minirelay

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_it_lists_every_page_with_its_title() -> None:
    shown = minirelay("help").out
    for page in DOCS.glob("*.md"):
        title = page.read_text().splitlines()[0].removeprefix("# ")
        assert re.search(rf"(?m)^  {page.stem} +{re.escape(title)}$", shown)


def test_in_a_pipe_a_page_is_what_is_written() -> None:
    assert minirelay("help", "backup").out == (DOCS / "backup.md").read_text()


def test_a_command_has_the_help_that_its_own_flag_gives() -> None:
    assert minirelay("help", "verify").out == minirelay("verify", "--help").out


def test_what_is_neither_is_said_in_a_line() -> None:
    assert_one_line(minirelay("help", "unicorns"), 1, "unicorns", "minirelay help")


@pytest.mark.parametrize(
    ("topic", "meant"), [("bakup", "backup"), ("doctr", "doctor"), ("troubleshoting", "troubleshooting")]
)
def test_the_page_or_command_that_was_meant_is_named(topic: str, meant: str) -> None:
    assert_one_line(minirelay("help", topic), 1, f"did you mean {meant}?")


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_a_pager_that_nobody_configured_shows_colours_and_not_what_they_are_made_of() -> None:
    shown = on_a_terminal("help", "backup", without=("LESS", "PAGER", "LESSOPEN", "NO_COLOR"))
    assert "Backup" in shown
    assert "\x1b[1m" in shown
    # So less writes an escape that it does not let through.
    assert "ESC" not in shown


def on_a_terminal(*arguments: str, without: tuple[str, ...]) -> str:
    """Run a command on a terminal of its own, answer its pager with q, and return what was shown."""
    environment = {name: value for name, value in os.environ.items() if name not in without}
    ours, its = pty.openpty()
    running = subprocess.Popen(
        command(*arguments),
        stdin=its,
        stdout=its,
        stderr=its,
        env=environment | {"TERM": "xterm", "PAGER": "less", "LINES": "24", "COLUMNS": "80"},
        start_new_session=True,
    )
    os.close(its)
    shown = b""
    try:
        while more := _read(ours):
            shown += more
            if b":" in more:
                os.write(ours, b"q")
    finally:
        running.kill()
        running.wait()
        os.close(ours)
    return shown.decode("utf-8", "replace")


def _read(terminal: int) -> bytes:
    if not select.select([terminal], [], [], TIMEOUT_S)[0]:
        return b""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""  # nobody has the other end any more


def test_every_page_that_readme_names_is_one() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    named = set(re.findall(r"\(docs/([a-z-]+)\.md", readme))
    assert named
    assert named <= set(pages())
