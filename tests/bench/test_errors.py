"""What goes wrong while measuring is one line for people."""

from pathlib import Path

from tests.cli.commands import assert_one_line, minirelay


def test_a_relay_that_is_not_there(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.write_text("11" * 32)
    outcome = minirelay(
        "bench", "--only", "latency", "--url", "http://127.0.0.1:1", "--shop", "1", "--key-card", str(card)
    )
    assert_one_line(outcome, 1, "http://127.0.0.1:1: ")
