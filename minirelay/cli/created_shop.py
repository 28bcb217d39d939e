"""What `minirelay shop create` prints: the shop as a web shop needs it, and calls for a wallet."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.output import show

if TYPE_CHECKING:
    from minirelay.chain.sending import ContractCall
    from minirelay.chain.shop_creation import Step, WantedShop
    from minirelay.config.settings import Settings


@dataclass(frozen=True, slots=True)
class CreatedShop:
    """A shop. sent: what was done for it. card_file, card: of a key card that is enrolled, if one is."""

    settings: "Settings"
    shop_id: int
    wanted: "WantedShop"
    sent: tuple[str, ...] = ()
    card_file: Path | None = None
    card: bytes | None = None

    def with_card(self, file: Path, public_key: bytes) -> "CreatedShop":
        """Return it with a key card that is enrolled. public_key: 33 bytes."""
        return replace(self, card_file=file, card=public_key)

    def document(self) -> dict[str, Any]:
        """Return what a web shop needs, as JSON has it: ids as text, since few who read it keep 78 digits."""
        from minirelay.protocol.ids import show_shop, show_token
        from minirelay.protocol.signing import checksum_address

        chain_id = self.settings.registry_chain
        chain = self.settings.chain(chain_id)
        return {
            "shop_id": show_shop(self.shop_id),
            "shop_id_hex": f"0x{self.shop_id:064x}",
            "owner": checksum_address(self.wanted.owner),
            "chain_id": chain_id,
            "relay_url": str(self.settings.base_url),
            "relay_token_id": show_token(self.wanted.relay_token),
            "contracts": {
                "ShopReg": checksum_address(bytes(chain.shop_reg)),
                "RelayReg": checksum_address(bytes(chain.relay_reg)),
                "Payments": checksum_address(bytes(chain.payments)),
            },
            "web_shop": {
                "VITE_RELAY_ENDPOINT": _web_socket(str(self.settings.base_url)),
                "VITE_RELAY_TOKEN_ID": show_token(self.wanted.relay_token),
            },
        }


def print_shop(shop: CreatedShop, *, as_json: bool) -> None:
    """Print a shop that is there."""
    card = None if shop.card is None else {"file": str(shop.card_file), "public_key": f"0x{shop.card.hex()}"}
    if as_json:
        show(shop.document() | {"sent": list(shop.sent), "key_card": card}, as_json=True)
        return
    click.echo("\n".join(_lines(shop.document())))
    click.echo(f"done         {', '.join(shop.sent) or 'nothing was missing, nothing was sent'}")
    if card is None:
        click.echo("\nNext: a first key card. The web shop enrols one, or run this again, with")
        click.echo("  --key-card-file FILE")
    else:
        click.echo(f"key card     {card['public_key']}")
        click.echo(f"  its key is in {card['file']}: keep it, it writes to the shop")


def print_calls(shop: CreatedShop, steps: "Sequence[Step]", *, as_json: bool) -> None:
    """Print the calls that are missing, ready to be sent by any wallet."""
    calls = [_call(step) for step in steps]
    if as_json:
        show(shop.document() | {"calls": calls}, as_json=True)
        return
    click.echo("\n".join(_lines(shop.document())))
    if not calls:
        click.echo("\nNothing is missing: the shop is there, and lists this relay.")
        return
    click.echo("\nThe owner's wallet sends, in this order, each when the one before is mined:")
    for number, (step, call) in enumerate(zip(steps, calls, strict=True), 1):
        click.echo(f"\n{number}. {step.what}")
        click.echo(f"  to     {call['to']}\n  value  0\n  data   {call['data']}")
        click.echo("  or, with Foundry (add --ledger, --account NAME or the like):")
        click.echo(f"  {call['cast']}")
    click.echo("\nThen, to see whether anything is missing:")
    click.echo(f"  minirelay shop create --owner {shop.document()['owner']} \\")
    click.echo(f"    --shop {shop.shop_id}")


def _lines(document: dict[str, Any]) -> list[str]:
    contracts = document["contracts"]
    return [
        "shop",
        f"  {document['shop_id']}",
        f"owner        {document['owner']}",
        f"chain        {document['chain_id']}",
        f"relay        {document['relay_url']}",
        f"relay token  {document['relay_token_id']}",
        *(f"{name:<13}{address}" for name, address in contracts.items()),
        "for a web shop (docs/first-shop.md)",
        *(f"  {name}\n    {value}" for name, value in document["web_shop"].items()),
    ]


def _web_socket(base_url: str) -> str:
    """Return what web shops put the names of the relay's endpoints behind."""
    from minirelay.protocol.paths import SESSIONS_PATH

    version = SESSIONS_PATH.rpartition("/")[0]
    return f"ws{base_url.removeprefix('http').rstrip('/')}{version}"


def _call(step: "Step") -> dict[str, str]:
    from minirelay.protocol.signing import checksum_address

    return {
        "what": step.what,
        "to": checksum_address(step.call.address),
        "value": "0",
        "data": f"0x{step.call.data.hex()}",
        "cast": _cast(step.call),
    }


def _cast(call: "ContractCall") -> str:
    """Write the command of Foundry. The endpoint is left to a variable: its address may hold a key."""
    from minirelay.protocol.signing import checksum_address

    function = call.abi.function(call.function)
    signature = f"{function.name}({','.join(function.inputs)})"
    words = [checksum_address(call.address), signature, *map(str, call.arguments)]
    return f'cast send --rpc-url "$ETH_RPC_URL" {shlex.join(words)}'
