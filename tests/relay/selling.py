"""A shop that sells, on a real relay: a clerk, stock, and customers who write as web shops do.

Started with a data directory, it sells until it is killed, and prints which orders were answered.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from minirelay.protocol.envelope import Envelope, Success
from minirelay.protocol.patch import Patch
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout_facts import TokenFacts
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.shop.order_states import OrderState
from tests.raw_client import RawClient, Spec, Talker
from tests.relay.fixed_facts import CHAIN, FixedFacts
from tests.relay.house import SHOP, House, running_relay
from tests.shop.checkouts import MANIFEST, buy, cancel, item, listing
from tests.shop.patching import ORDER, OTHER_PAYEE, PAYEE, TOKEN, number, patch, value_of

CAP, SHIRT = 1, 2
STOCK = 10


def known_facts() -> FixedFacts:
    """All that the payment choices of these shops need."""
    return FixedFacts(
        tokens={(CHAIN, TOKEN): TokenFacts(2)},
        payees={(CHAIN, PAYEE): True, (CHAIN, OTHER_PAYEE): True},
    )


def specs(*patches: Patch) -> list[Spec]:
    """Patches as a raw client seals them."""
    return [(one.op, one.path, one.value) for one in patches]


@dataclass
class Selling:
    """An open shop with a clerk. It has STOCK caps and as many shirts, red ones."""

    house: House
    clerk: Talker

    @classmethod
    async def start(cls, house: House, **manifest: Any) -> "Selling":
        clerk = await house.clerk()
        await clerk.write(
            *specs(
                patch("replace", "Manifest", value=MANIFEST | {"ShopID": SHOP} | manifest),
                patch("add", "Listings", CAP, value=listing(CAP)),
                patch("add", "Listings", SHIRT, value=listing(SHIRT, 2000, "red", "blue")),
                patch("add", "Inventory", CAP, value=STOCK),
                patch("add", "Inventory", SHIRT, "red", value=STOCK),
            )
        )
        return cls(house, clerk)

    async def head(self) -> ShopHead:
        hosted = await self.house.relay.shops.find(SHOP)
        assert hosted is not None
        return await hosted.sequencer.opened()

    async def order(self, order_id: int) -> Any:
        """An order as a plain value, None if there is none."""
        return value_of((await self.head()).state, ORDER, number(order_id))

    async def order_state(self, order_id: int) -> OrderState:
        return OrderState((await self.order(order_id))["State"])

    async def requests(self, order_id: int) -> tuple[IssuedRequest, ...]:
        return (await self.head()).records.requests.of_order(number(order_id))

    async def reserved(self, key: bytes, now: int) -> int:
        return (await self.head()).records.reservations.of_stock(key, now)


async def write(client: RawClient, patches: Sequence[Patch]) -> bytes:
    """Write patches as one set."""
    return await client.write(*specs(*patches))


WINDOW = 8


async def main(directory: Path) -> None:
    """Sell one cap after the other; every third order is cancelled with the next one."""
    async with running_relay(directory, facts=known_facts()) as house:
        first = await house.durable_seq() if await house.relay.is_served(SHOP) else 0
        shop = await Selling.start(house) if first == 0 else Selling(house, await house.clerk())
        await write(shop.clerk, [patch("replace", "Inventory", CAP, value=10**6)])
        answers: list[asyncio.Future[Envelope]] = []
        # A multiple of 3: there is no order of this run to cancel before the first one.
        for order in count(3 * 10**6 * (first + 1)):
            again = cancel(order - 1) if order % 3 == 1 else []
            answers.append(await shop.clerk.start_write(*specs(*buy(order, item(CAP)), *again)))
            if len(answers) > WINDOW:
                assert isinstance((await answers.pop(0)).message, Success)
                sys.stdout.write(f"{order - WINDOW}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
