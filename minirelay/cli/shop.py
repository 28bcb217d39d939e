"""`minirelay shop ID`: what is known of one shop."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.inspection import FOR_READING, describe, find, reading
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.cli.tables import quantity, size

if TYPE_CHECKING:
    from minirelay.config.settings import Settings


@click.command(cls=CommandWithSettings, settings=FOR_READING)
@click.argument("shop_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shop(shop_id: str, as_json: bool, **given: Any) -> None:
    """Show one shop: the length of its log, its root hash, what is in it, its key cards.

    ID: in decimal, in hexadecimal behind 0x, or as `minirelay shops` shows it. It only reads, and may run
    beside the relay.
    """
    settings = read_settings(given)
    with busy("reading the shop"):
        document = asyncio.run(_describe(settings, shop_id))
    if as_json:
        show(document, as_json=True)
    else:
        _print(document)


def _print(shop: dict[str, Any]) -> None:
    click.secho(f"Shop {shop['shop_id']}", bold=True)
    # Behind a gap (docs/backup.md) the number of the last set is not that of the sets.
    log = (f"last set {shop['sequence_number']:,}", quantity(shop["patches"], "patch", "patches"))
    contents = (
        quantity(shop["listings"], "listing"),
        quantity(shop["inventory"], "stock count"),
        quantity(shop["tags"], "tag"),
        quantity(shop["orders"], "order"),
        quantity(shop["accounts"], "account"),
    )
    cards = (
        quantity(shop["clerk_cards"], "clerk's", "clerks'"),
        quantity(shop["guest_cards"], "guest's", "guests'"),
        f"{shop['unlinked_cards']:,} unlinked",
    )
    click.echo(f"  root hash  {shop['root_hash']}")
    click.echo(f"  log        {', '.join(log)}; {size(shop['log_bytes'])}")
    click.echo(f"  in it      {', '.join(contents)}; {size(shop['object_bytes'])}")
    click.echo(f"  key cards  {', '.join(cards)}")
    for clerk in shop["clerks"]:
        click.echo()
        click.echo(f"Clerk's key card 0x{clerk['key_card'].hex()}")
        click.echo(f"  wallet      {clerk['wallet']}")
        click.echo(f"  last nonce  {clerk['last_nonce']}")
        if clerk["is_unlinked"]:
            click.echo("  unlinked    it can't be used any more")


async def _describe(settings: "Settings", shop_id: str) -> dict[str, Any]:
    from minirelay.protocol.signing import checksum_address

    async with reading(settings) as reader:
        row = await find(reader, shop_id)
        cards = await reader.cards(row.row_id)
        return {
            **await describe(reader, row),
            "clerks": [
                {
                    "key_card": card.public_key,
                    "wallet": checksum_address(card.wallet),
                    "last_nonce": card.last_nonce,
                    "is_unlinked": card.is_unlinked,
                }
                for card in cards
                if not card.is_guest
            ],
        }
