"""Tables and quantities as people on a terminal read them."""

import sys
import textwrap
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import Final

import click

_GAP: Final = "  "
CUT: Final = "…"


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


def fits(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a table is no wider than the terminal, or than 80 columns where there is none."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return sum(widths) + len(_GAP) * (len(widths) - 1) <= get_terminal_size().columns


def cut_amount(amount: str, width: int) -> str:
    """Cut digits behind the point off, as many as it takes: 0.128613…; whole ones all stay."""
    if len(amount) <= width or "." not in amount:
        return amount
    return amount[: max(amount.index(".") + 1, width - len(CUT))] + CUT


def short_order(order: str) -> str:
    """Cut the middle out of an order's long id: 8085…2046."""
    return order if len(order) <= 9 else f"{order[:4]}{CUT}{order[-4:]}"


def folded(text: str) -> str:
    """Fold a line at the width of the terminal; where there is none it stays as it is."""
    if not sys.stdout.isatty():
        return text
    return "\n".join(textwrap.wrap(text, get_terminal_size().columns, subsequent_indent="   "))


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
