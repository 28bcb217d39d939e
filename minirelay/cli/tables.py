"""Tables and quantities as people on a terminal read them."""

from collections.abc import Sequence
from typing import Final

import click

_GAP: Final = "  "


def echo_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[str] = ()) -> None:
    """Print rows in columns below a bold head, numbers to the right. left: the columns that are text."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for number, row in enumerate([head, *rows]):
        cells = (
            f"{cell:<{width}}" if name in left else f"{cell:>{width}}"
            for name, cell, width in zip(head, row, widths, strict=True)
        )
        line = _GAP.join(cells).rstrip()
        click.echo(click.style(line, bold=True) if number == 0 else line)


def size(count: float) -> str:
    """Write a number of bytes: 312 B, 1.5 KiB, 20.0 GiB."""
    if count < 1024:
        return f"{count:,.0f} B"
    for unit in ("KiB", "MiB"):
        count /= 1024
        if count < 1024:
            return f"{count:,.1f} {unit}"
    return f"{count / 1024:,.1f} GiB"


def quantity(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun: 1 listing, 12 listings. many: if it is not formed with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
