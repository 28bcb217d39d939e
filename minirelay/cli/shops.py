"""`minirelay shops`: lists the shops that this relay serves."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.inspection import FOR_READING, describe, reading, shortened
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.cli.tables import echo_table, fits, size

if TYPE_CHECKING:
    from minirelay.config.settings import Settings

COLUMNS = {
    "shop_id": "shop",
    "sequence_number": "last set",
    "listings": "listings",
    "orders": "orders",
    "used": "full",
    "root_hash": "root hash",
    "log_bytes": "log",
}
_DISPENSABLE = ("log_bytes",)
"""Left out where a line would get too long; `minirelay shop ID` has it too."""


@click.command(cls=CommandWithSettings, settings=FOR_READING, short_help="List the shops on this relay.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shops(as_json: bool, **given: Any) -> None:
    """List the shops on this relay: what is in them, their root hashes, how long their logs are.

    full: how much a shop has of what it may have, of its log or its files, whichever is more.

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
        return [await describe(reader, row, settings) for row in await reader.shops()]


def _print_table(found: list[dict[str, Any]]) -> None:
    names = list(COLUMNS)
    while True:
        head = [COLUMNS[name] for name in names]
        rows = [[_shown(name, shop) for name in names] for shop in found]
        if fits(head, rows) or names[-1] not in _DISPENSABLE:
            break
        names.pop()
    echo_table(head, rows, left=(COLUMNS["shop_id"], COLUMNS["root_hash"]))


def _used(shop: dict[str, Any]) -> float:
    """Return which part of its share a shop uses, of its log's or its files', whichever is more."""
    return max([int(shop[f"{what}_bytes"]) / int(shop[f"{what}_quota_bytes"]) for what in ("log", "blob")])


def _shown(name: str, shop: dict[str, Any]) -> str:
    if name == "used":
        return f"{_used(shop):.0%}"
    value = shop[name]
    if name == "shop_id":
        return shortened(str(value))
    if name == "root_hash":
        return f"{value[:10]}…"
    return size(value) if name == "log_bytes" else f"{value:,}"
