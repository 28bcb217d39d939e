"""`minirelay shop ID`: what is known of one shop."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.inspection import describe, find, reading
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from minirelay.cli.output import Document
    from minirelay.config import Settings


@click.command(cls=CommandWithSettings)
@click.argument("shop_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shop(shop_id: str, as_json: bool, **given: Any) -> None:
    """Show one shop: the length of its log, its root hash, what is in it, its key cards.

    ID: in decimal, or in hexadecimal behind 0x. It only reads, and may run beside the relay.
    """
    settings = read_settings(given)
    with busy("reading the shop"):
        document = asyncio.run(_describe(settings, shop_id))
    show(document, as_json=as_json)


async def _describe(settings: "Settings", shop_id: str) -> "Document":
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
