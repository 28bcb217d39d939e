"""`minirelay shops`: lists the shops that this relay serves."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.inspection import FOR_READING, describe, reading, shortened
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.cli.tables import echo_table, size

if TYPE_CHECKING:
    from minirelay.config.settings import Settings

COLUMNS = {
    "shop_id": "shop",
    "sequence_number": "last set",
    "listings": "listings",
    "orders": "orders",
    "log_bytes": "log",
    "root_hash": "root hash",
}


@click.command(cls=CommandWithSettings, settings=FOR_READING)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shops(as_json: bool, **given: Any) -> None:
    """List the shops on this relay: how long their logs are, what is in them, their root hashes.

    It only reads, and may run beside the relay.
    """
    settings = read_settings(given)
    with busy("reading the shops"):
        found = asyncio.run(_describe_all(settings))
    if as_json:
        show(found, as_json=True)
    elif not found:
        click.echo("no shops yet: one comes to the relay when its owner enrols a first key card")
    else:
        _print_table(found)


async def _describe_all(settings: "Settings") -> list[dict[str, Any]]:
    async with reading(settings) as reader:
        return [await describe(reader, row) for row in await reader.shops()]


def _print_table(found: list[dict[str, Any]]) -> None:
    rows = [[_shown(name, shop[name]) for name in COLUMNS] for shop in found]
    echo_table(list(COLUMNS.values()), rows, left=(COLUMNS["shop_id"], COLUMNS["root_hash"]))


def _shown(name: str, value: Any) -> str:
    if name == "shop_id":
        return shortened(str(value))
    if name == "root_hash":
        return f"{value[:10]}…"
    return size(value) if name == "log_bytes" else f"{value:,}"
