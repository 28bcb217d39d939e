"""Tables and quantities."""

import pytest

from minirelay.cli.tables import cut_amount, echo_table, fits, folded, quantity, short_order, size


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table(("name", "count", ""), [("a", "1,000,000", "x"), ("longer", "2", "")], left=("name", ""))
    assert capsys.readouterr().out.splitlines() == [
        "name        count",
        "a       1,000,000  x",
        "longer          2",
    ]


def test_a_table_may_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table(("a", "b"), [])
    assert capsys.readouterr().out == "a  b\n"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20, "1.0 MiB"),
        (2**30, "1.0 GiB"),
        (5000 * 2**30, "5,000.0 GiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_quantities() -> None:
    assert quantity(1, "listing") == "1 listing"
    assert quantity(0, "listing") == "0 listings"
    assert quantity(12_000, "patch", "patches") == "12,000 patches"


def test_table_fits_the_terminal_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert fits(("a", "b"), [("1" * 9, "2" * 9)])
    assert not fits(("a", "b"), [("1" * 9, "2" * 10)])


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.128613333333333334", "0.1286133…"),
        ("0.12861333", "0.12861333"),
        ("123456789.25", "123456789.…"),
        ("123456789012345", "123456789012345"),
    ],
)
def test_only_digits_behind_the_point_are_cut(amount: str, shown: str) -> None:
    assert cut_amount(amount, 10) == shown


def test_long_ids_of_orders_are_cut_in_the_middle() -> None:
    assert short_order("123456789") == "123456789"
    assert short_order("14823099146208681776") == "1482…1776"


def test_a_long_line_is_folded_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "word " * 30
    assert folded(line) == line
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = folded(line).splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("   word")
