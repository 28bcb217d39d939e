"""Bringing the demo shop into being: minted, enrolled, written. Each step only if it is not done yet."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from minirelay.client import RelayClient, RelayRefused
from minirelay.dev.accounts import ACCOUNTS, Account
from minirelay.dev.demo_shop import demo_patches
from minirelay.dev.registry import ShopRegistry
from minirelay.protocol.signing import PrivateKey

REMEMBERED_NAME = "demo.json"
OWNER = ACCOUNTS[0]


@dataclass(frozen=True, slots=True)
class DemoShop:
    """The demo shop. key_card: the private key of a clerk's device, 32 bytes as hex."""

    shop_id: int
    owner: Account
    key_card: str


def plan_demo_shop(directory: Path) -> DemoShop:
    """Give the demo shop of this data directory; decide on a new one if there is none yet.

    It is written down before anything is done about it: after a kill the same shop is finished.
    """
    path = directory / REMEMBERED_NAME
    if path.exists():
        remembered = json.loads(path.read_text())
        return DemoShop(int(remembered["shop_id"]), OWNER, remembered["key_card"])
    shop = DemoShop(secrets.randbits(256), OWNER, secrets.token_hex(32))
    draft = path.with_suffix(".tmp")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"shop_id": str(shop.shop_id), "key_card": shop.key_card}, file)
    draft.replace(path)
    return shop


async def set_up_demo_shop(
    shop: DemoShop, registry: ShopRegistry, server: Server, chain_id: int, eddies: str | None
) -> None:
    """Mint the shop, enter the relay, enrol the key card, write the content: whatever is missing of it.

    eddies: address of the two-decimals token, if it is known. Raises ChainError, MinirelayError.
    """
    if not await registry.exists(shop.shop_id):
        await registry.mint(shop.shop_id, shop.owner)
    if server.relay_token not in await registry.relays_of(shop.shop_id):
        await registry.add_relay(shop.shop_id, server.relay_token, shop.owner)
