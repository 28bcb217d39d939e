"""`minirelay help [TOPIC]`: the pages of docs/, which come with the program, and each command's help."""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Final

import click

from minirelay.errors import MinirelayError

_FOR_LESS: Final = "-FRX"
_TITLE: Final = re.compile(r"(?m)^# (.+)$")


class NoSuchTopic(MinirelayError):
    """There is no page and no command of this name."""


def pages() -> dict[str, Path]:
    """Find the pages, by their names: beside the program where it was installed, or in its sources."""
    sources = Path(__file__).parent.parent.parent
    is_clone = (sources / "pyproject.toml").exists()
    place = sources / "docs" if is_clone else Path(sys.prefix) / "share" / "doc" / "minirelay"
    return {page.stem: page for page in sorted(place.glob("*.md"))}


@click.command()
@click.argument("topic", required=False)
@click.pass_context
def help(ctx: click.Context, topic: str | None) -> None:  # noqa: A001 (the command's name)
    """Show a page of the manual, or the help of a command.

    Without TOPIC: which pages there are.

    \b
    For example:
      minirelay help backup
      minirelay help payments
    """
    found = pages()
    if topic is None:
        width = max(map(len, found), default=0)
        click.echo("Pages of the manual, for `minirelay help TOPIC`:\n")
        for name, page in found.items():
            click.echo(f"  {name:<{width}}  {_title(page)}")
        click.echo("\nTOPIC may be a command, too; `minirelay --help` lists them.")
    elif topic in found:
        _show(found[topic].read_text(encoding="utf-8"))
    else:
        click.echo(_help_of_command(ctx, topic))


def _title(page: Path) -> str:
    title = _TITLE.search(page.read_text(encoding="utf-8"))
    return page.stem if title is None else title.group(1)


def _show(text: str) -> None:
    """Show Markdown: laid out, and page by page, on a terminal; as it is written in a pipe."""
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=min(100, Console().width))
    with console.capture() as laid_out:
        console.print(Markdown(text, hyperlinks=False))
    # Without R, less would show what colours are made of; F ends it where all fits.
    os.environ.setdefault("LESS", _FOR_LESS)
    # Whether the pager takes colours is click's to know: elsewhere they are left out.
    click.echo_via_pager(laid_out.get())


def _help_of_command(ctx: click.Context, name: str) -> str:
    """Raises NoSuchTopic."""
    parent = ctx.parent
    command = (
        parent.command.get_command(parent, name)
        if parent and isinstance(parent.command, click.Group)
        else None
    )
    if parent is None or command is None:
        raise NoSuchTopic(f"there is no page or command {name!r}; {_advice(ctx, name)}")
    with click.Context(command, info_name=name, parent=parent) as inner:
        return command.get_help(inner)


def _advice(ctx: click.Context, name: str) -> str:
    group = None if ctx.parent is None else ctx.parent.command
    commands = group.list_commands(ctx) if isinstance(group, click.Group) else []
    near = difflib.get_close_matches(name, [*pages(), *commands], n=1)
    return f"did you mean {near[0]}?" if near else "`minirelay help` lists the pages"
