"""Tables and quantities."""

import pytest

from minirelay.cli.tables import echo_table, quantity, size


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
