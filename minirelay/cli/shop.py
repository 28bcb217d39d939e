"""`minirelay shop ID`: what is known of one shop. `minirelay shop create` is in a file of its own."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.inspection import FOR_READING, describe, find, reading
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.cli.tables import quantity, size

if TYPE_CHECKING:
    from minirelay.config.settings import Settings


_WIDTH: Final = 80
_SHOW: Final = "show"
_CREATE: Final = "create"


class ShowUnlessNamed(click.Group):
    """A group that takes what is no command of it for the arguments of `show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` in front, unless a command, or help, is asked for."""
        is_named = bool(args) and args[0] in (*self.list_commands(ctx), *ctx.help_option_names)
        return super().parse_args(ctx, args if is_named or not args else [_SHOW, *args])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands."""
        return [*super().list_commands(ctx), _CREATE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import `create` when it is asked for."""
        if cmd_name != _CREATE:
            return super().get_command(ctx, cmd_name)
        from minirelay.cli.shop_create import create

        return create


@click.group(cls=ShowUnlessNamed)
def shop() -> None:
    """Show a shop (`minirelay shop ID`), or create one.

    ID: in decimal, in hexadecimal behind 0x, the first digits, or as `minirelay shops` shows it.
    """


@shop.command(_SHOW, cls=CommandWithSettings, settings=FOR_READING)
@click.argument("shop_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_shop(shop_id: str, as_json: bool, **given: Any) -> None:
    """Show one shop: its log and files, its root hash, what is in it, its key cards.

    ID: in decimal, in hexadecimal behind 0x, the first digits, or as `minirelay shops` shows it. It only
    reads, and may run beside the relay.
    """
    settings = read_settings(given)
    with busy("reading the shop"):
        document = asyncio.run(_describe(settings, shop_id))
    if as_json:
        show(document, as_json=True)
    else:
        _print(document)


def _print(shop: dict[str, Any]) -> None:
    head = f"Shop {shop['shop_id']}"
    click.secho(head if len(head) <= _WIDTH else head.replace(" ", "\n"), bold=True)
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
    click.echo(f"  log        {', '.join(log)}; {_used(shop, 'log')}")
    click.echo(f"  files      {_used(shop, 'blob')}")
    click.echo(f"  in it      {', '.join(contents)}; {size(shop['object_bytes'])}")
    click.echo(f"  key cards  {', '.join(cards)}")
    for clerk in shop["clerks"]:
        click.echo()
        click.echo("Clerk's key card")
        click.echo(f"  0x{clerk['key_card'].hex()}")
        click.echo(f"  wallet      {clerk['wallet']}")
        click.echo(f"  last nonce  {clerk['last_nonce']}")
        if clerk["is_unlinked"]:
            click.echo("  unlinked    it can't be used any more")


def _used(shop: dict[str, Any], what: str) -> str:
    """Say how much of its share a shop uses. what: log or blob."""
    return f"{size(shop[f'{what}_bytes'])} of {size(shop[f'{what}_quota_bytes'])}"


async def _describe(settings: "Settings", shop_id: str) -> dict[str, Any]:
    from minirelay.protocol.signing import checksum_address

    async with reading(settings) as reader:
        row = await find(reader, shop_id)
        cards = await reader.cards(row.row_id)
        return {
            **await describe(reader, row, settings),
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
