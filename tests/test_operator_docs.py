"""What operators read about alerts, lines of `doctor` and commands is there, and nothing else is."""

import re
from pathlib import Path

import pytest

from minirelay.cli.main import COMMANDS
from minirelay.operations.alert_advice import ADVICE
from minirelay.operations.checks.result import Line
from minirelay.shop.payment_alerts import PaymentAlertKind
from minirelay.store.operator_alerts import OPERATOR_ALERTS
from minirelay.store.stock_rows import STOCK_HELD

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def paragraphs(page: Path) -> dict[str, str]:
    """Return what stands below each heading of the second level."""
    sections = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]
    return {title: text.strip() for title, _, text in (one.partition("\n") for one in sections)}


def kinds() -> set[str]:
    return set(ADVICE) | OPERATOR_ALERTS | {one.value for one in PaymentAlertKind} | {STOCK_HELD}


def test_every_alert_has_its_paragraph_and_nothing_else_has() -> None:
    found = paragraphs(DOCS / "alerts.md")
    assert set(found) == kinds()
    assert [kind for kind, text in found.items() if not text] == []


def test_every_line_of_doctor_has_its_paragraph_and_nothing_else_has() -> None:
    found = paragraphs(DOCS / "troubleshooting.md")
    assert set(found) == {line.value for line in Line}
    assert [line for line, text in found.items() if not text] == []


def test_every_line_of_doctor_is_said_somewhere() -> None:
    checks = (ROOT / "minirelay" / "operations" / "checks").glob("*.py")
    code = "".join(one.read_text() for one in checks if one.name != "result.py")
    assert [line.name for line in Line if f"Line.{line.name}," not in code] == []


def commands_in(text: str) -> set[str]:
    """Return the commands that a page names: in a block of its own, or between backquotes."""
    code = re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    lines = [line for block in code for line in block.splitlines()] + inline
    return {found[1] for line in lines if (found := re.match(r"(?:sudo )?minirelay ([a-z][a-z-]*)", line))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    assert commands_in(page.read_text()) - set(COMMANDS) == set()


def test_every_command_is_in_a_page() -> None:
    named: set[str] = set()
    for page in PAGES:
        named |= commands_in(page.read_text())
    assert set(COMMANDS) - named == set()
