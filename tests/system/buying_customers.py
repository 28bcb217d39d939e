"""A relay with customers who buy until it is killed, to be run with a data directory as its argument.

Each line that it prints is an order that was answered: its id, and how far it is.
"""

import asyncio
import sys
from itertools import count
from pathlib import Path

from tests.relay.house import House, running_relay
from tests.relay.selling import CAP, Selling, known_facts, specs, write
from tests.shop.checkouts import COMMITTED, add_order, address, cancel, choose, item, move
from tests.shop.patching import patch

CUSTOMERS = 6
ORDERS_EACH = 40
STOCK = 10**6


def say(order: int, state: str) -> None:
    sys.stdout.write(f"{order} {state}\n")
    sys.stdout.flush()


async def buy(house: House, numbers: "count[int]") -> None:
    """Let a customer make orders: commit each, choose a payment, cancel every third."""
    guest = await house.guest()
    for _ in range(ORDERS_EACH):
        order = next(numbers)
        await write(guest, [add_order(order, item(CAP, 2)), move(order, COMMITTED)])
        say(order, "committed")
        await write(guest, [address(order), *choose(order)])
        say(order, "unpaid")
        if order % 3 == 0:
            await write(guest, cancel(order))
            say(order, "canceled")


async def main(directory: Path) -> None:
    async with running_relay(directory, facts=known_facts()) as house:
        if not await house.store.reader.shops():
            selling = await Selling.start(house)
            await selling.clerk.write(*specs(patch("increment", "Inventory", CAP, value=STOCK)))
        numbers = count(10**6 * await house.durable_seq() + 1)
        while True:
            await asyncio.gather(*[buy(house, numbers) for _ in range(CUSTOMERS)])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
