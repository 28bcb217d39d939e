"""A relay's directory with something in it."""

import asyncio
from pathlib import Path

from minirelay.operations.manifest import Backup
from tests.relay.house import SHOP, listing, order, running_relay

OTHER_SHOP = 2**256 - 1


def roots(backup: Backup) -> dict[int, str]:
    return {int(shop.shop_id): shop.root_hash for shop in backup.shops}


def write(directory: Path, *numbers: int, shop_id: int = SHOP) -> str:
    """Write a listing of each number, in a relay that runs for it; gives the last root hash."""

    async def run() -> bytes:
        async with running_relay(directory) as house:
            clerk = await house.clerk(shop_id)
            return [await clerk.write(listing(number)) for number in numbers][-1]

    return f"0x{asyncio.run(run()).hex()}"


def fill(directory: Path) -> dict[int, str]:
    """Make two shops, one with a guest's order; gives their root hashes."""

    async def run() -> dict[int, str]:
        async with running_relay(directory) as house:
            clerk, guest, other = await house.clerk(), await house.guest(), await house.clerk(OTHER_SHOP)
            await clerk.write(listing(1), listing(2), ("add", ("Inventory", 1), 7))
            found = {SHOP: await guest.write(order(5)), OTHER_SHOP: await other.write(listing(3))}
        return {shop_id: f"0x{root.hex()}" for shop_id, root in found.items()}

    return asyncio.run(run())
