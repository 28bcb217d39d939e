"""`minirelay help`: the pages of the manual, and the help of commands."""

import re
from pathlib import Path

from minirelay.cli.help import pages
from tests.cli.commands import assert_one_line, minirelay

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


def test_every_page_that_readme_names_is_one() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    named = set(re.findall(r"\(docs/([a-z-]+)\.md", readme))
    assert named
    assert named <= set(pages())
