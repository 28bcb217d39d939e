"""Bringing the demo shop into being: minted, enrolled, written. Each step only if it is not done yet."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from minirelay.client import EnrolmentRefused, PrivateKey, RelayClient, RelayRefused
from minirelay.dev.accounts import ACCOUNTS, Account
from minirelay.dev.demo_orders import UNPAID_ORDER, demo_orders
from minirelay.dev.demo_shop import demo_patches, demo_stock
from minirelay.dev.derivation import DEMO_CUSTOMER_CARD, DEMO_KEY_CARD, DEMO_SHOP_ID
from minirelay.dev.pictures import load_pictures, store_pictures
from minirelay.dev.registry import WritableShopReg
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch
from minirelay.server import Server
from minirelay.shop.state import id_key

log = logging.getLogger(__name__)

REMEMBERED_NAME = "demo.json"
OWNER = ACCOUNTS[0]
CUSTOMER = ACCOUNTS[5]
ENROLLED_ALREADY = 409
LOG_LENGTH_OF_AN_EMPTY_SHOP = 1


@dataclass(frozen=True, slots=True)
class DemoShop:
    """The demo shop. key_card: the private key of a clerk's device, 32 bytes as hex."""

    shop_id: int
    owner: Account
    key_card: str


def plan_demo_shop(directory: Path) -> DemoShop:
    """Return the demo shop of this data directory: in a new one the same as in each new one.

    It is written down, since a directory may be older than this minirelay's ids.
    """
    path = directory / REMEMBERED_NAME
    if path.exists():
        remembered = json.loads(path.read_text())
        return DemoShop(int(remembered["shop_id"]), OWNER, remembered["key_card"])
    shop = DemoShop(DEMO_SHOP_ID, OWNER, DEMO_KEY_CARD.hex())
    draft = path.with_suffix(".tmp")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"shop_id": str(shop.shop_id), "key_card": shop.key_card}, file)
    draft.replace(path)
    return shop


async def set_up_demo_shop(
    shop: DemoShop,
    registry: WritableShopReg,
    server: Server,
    base_url: str,
    eddies: str | None,
) -> None:
    """Mint the shop, enter the relay, enrol the key card, write the content: whatever is missing of it.

    eddies: address of the two-decimals token, if it is known. Raises ChainError, ClientError.
    """
    if await registry.owner_of(shop.shop_id) is None:
        await registry.mint(shop.shop_id, shop.owner)
    if server.relay_token not in await registry.relay_tokens(shop.shop_id):
        await registry.add_relay(shop.shop_id, server.relay_token, shop.owner)
    chain_id, owner = registry.chain.chain_id, bytes.fromhex(shop.owner.address[2:])
    key_card = PrivateKey.from_bytes(bytes.fromhex(shop.key_card))
    async with RelayClient.connect(server.url, shop_id=shop.shop_id, key_card=key_card) as client:
        await _enrol(client, shop.owner, base_url)
        pictures = await _pictures(shop, server, base_url)
        await _write(client, [demo_patches(chain_id, owner, eddies, pictures), demo_stock()], server)
    customer_card = PrivateKey.from_bytes(DEMO_CUSTOMER_CARD)
    async with RelayClient.connect(server.url, shop_id=shop.shop_id, key_card=customer_card) as client:
        await _enrol(client, CUSTOMER, base_url, guest=True)
        await _order(client, demo_orders(chain_id, owner, eddies), server)


async def _pictures(shop: DemoShop, server: Server, base_url: str) -> Mapping[str, str]:
    """Store the pictures, unless there are listings already that show them; return their URLs by name."""
    hosted = await server.relay.shops.find(shop.shop_id)
    if hosted is None:
        raise RuntimeError("the demo shop was not enrolled")
    if await server.relay.log_length(shop.shop_id) > LOG_LENGTH_OF_AN_EMPTY_SHOP:
        return dict.fromkeys(load_pictures(), "")
    return await store_pictures(server.blobs, hosted.row.row_id, base_url)


async def _write(client: RelayClient, sets: Sequence[Sequence[NewPatch]], server: Server) -> None:
    """Write what is missing of the first sets of the shop."""
    # Each of these is one set; a log that is longer has it already.
    written = await server.relay.log_length(client.shop_id) - LOG_LENGTH_OF_AN_EMPTY_SHOP
    if written >= len(sets):
        return
    await client.authenticate()
    for patches in sets[written:]:
        await client.write(patches)


async def _order(client: RelayClient, orders: Sequence[NewPatch], server: Server) -> None:
    """Write the orders unless they are there, whatever else was written to the shop meanwhile."""
    hosted = await server.relay.shops.find(client.shop_id)
    if hosted is None:
        raise RuntimeError("the demo shop was not enrolled")
    # Nobody can remove an order once it is to be paid.
    head = await hosted.sequencer.opened()
    if head.state.get(ObjectType.ORDER, id_key(UNPAID_ORDER)) is not None:
        return
    await client.authenticate()
    try:
        await client.write(orders)
    except RelayRefused as refused:
        # Of a directory that is kept, a person may have sold or removed what they are about.
        log.warning("the demo shop gets no orders", extra={"reason": str(refused)})


async def _enrol(client: RelayClient, account: Account, base_url: str, *, guest: bool = False) -> None:
    wallet = PrivateKey.from_bytes(bytes.fromhex(account.private_key.removeprefix("0x")))
    try:
        await client.enrol(wallet, guest=guest, base_url=base_url)
    except EnrolmentRefused as refused:
        if refused.status != ENROLLED_ALREADY:
            raise
