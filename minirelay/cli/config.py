"""`minirelay config`: prints the effective settings and where each comes from."""

import asyncio
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.output import show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.errors import StoreError

if TYPE_CHECKING:
    from minirelay.config.setting import Setting
    from minirelay.config.settings import Settings

_WIDTH: Final = 80


@click.command(cls=CommandWithSettings)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--documented",
    "is_documented",
    is_flag=True,
    help="Print a settings file instead, in which every setting is explained.",
)
def config(as_json: bool, is_documented: bool, **given: Any) -> None:
    """Print the effective settings and where each comes from.

    Secrets are left out: of an endpoint only its host is shown.
    """
    settings = read_settings(given)
    remembered = asyncio.run(_remembered(settings))
    if is_documented:
        from minirelay.config.documented import documented

        click.echo(documented({}, [settings.registry_chain]), nl=False)
        return
    if as_json:
        content = {
            name: {
                "value": _setting(name).plain(settings.value(name)),
                "origin": settings.origin(name),
            }
            | remembered.get(name, {})
            for name in settings.names()
        }
        show(content, as_json=True)
        return
    # Each table of the file for itself: beside the longest name of all, an address would not fit the line.
    for _, table in groupby(settings.names(), _table):
        names = list(table)
        width = max(map(len, names))
        for name in names:
            other = remembered.get(name, {})
            value = other.get("value") or _setting(name).show(settings.value(name))
            origin = f"({other.get('origin') or settings.origin(name)})"
            room = _WIDTH - len(f"  {value}  {origin}")
            column = f"{name:<{max(0, min(width, room))}}"
            # What is too long for a terminal's line goes on below.
            gap = "  " if room >= len(name) or not sys.stdout.isatty() else "\n  "
            click.echo(f"{click.style(column, bold=True)}{gap}{value}{gap}{click.style(origin, dim=True)}")


async def _remembered(settings: "Settings") -> dict[str, dict[str, Any]]:
    """Return value and origin of what no setting says and the database remembers: the relay's token."""
    from minirelay.cli.remembered_token import remembered_token
    from minirelay.protocol.ids import show_token
    from minirelay.store.database import FILE_NAME

    if settings.relay_token_id is not None:
        return {}
    file = settings.data_dir / FILE_NAME
    try:
        token_id = await remembered_token(settings.data_dir)
    except (StoreError, OSError) as error:
        # Whatever is wrong with it, the settings can be looked at.
        return {"relay_token_id": {"origin": f"default; {error}"}}
    if token_id is None:
        return {}
    return {"relay_token_id": {"value": show_token(token_id), "origin": f"remembered in {file}"}}


def _table(name: str) -> str:
    return name.rpartition(".")[0]


def _setting(name: str) -> "Setting":
    from minirelay.config.settings import find

    setting = find(name)
    if setting is None:
        raise RuntimeError(f"{name} is no setting")
    return setting
