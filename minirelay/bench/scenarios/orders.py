"""A shop with many orders that are to be paid: how soon it opens."""

import asyncio
import time
from pathlib import Path
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.fixtures import Fixtures, open_fixtures
from minirelay.bench.report import Figure, Section
from minirelay.bench.selling import SELLING_TERMS, add_order, choose_how, move, opening
from minirelay.bench.session import BenchError
from minirelay.bench.target import own_relay
from minirelay.bench.workload import Author, frames_of
from minirelay.protocol.patch_set import NewPatch
from minirelay.protocol.signing import PrivateKey
from minirelay.shop.order_states import OrderState

_ORDERS_IN_A_SET: Final = 100


def run(bench: Bench) -> Section:
    """Fill a shop with orders, start a relay on it, write once."""
    if bench.running is not None:
        raise BenchError("orders: only measured on relays that the benchmark starts itself")
    orders = bench.plan.orders
    with own_relay(bench.directory) as relay:
        bench.tell(f"orders: {orders:,} that are to be paid")
        asyncio.run(fill_with_orders(relay.data_dir, relay.writer, orders))
        target = relay.start()
        author = Author(target.writer, target.shop_id)
        with target.session(target.writer) as session:
            (frame,) = frames_of(session, [author.seal(author.add_listing(1))])
            before, begin = target.meter and target.meter.usage(), time.perf_counter()
            session.write_all([frame], in_flight=1)
            seconds = time.perf_counter() - begin
            used = target.meter.usage() - before if target.meter and before else None
        figures = [Figure("the first write after a start, with opening the shop", seconds, "s")]
        if used:
            goal = goals.OPENING_ORDERS_S if orders >= goals.MANY_ORDERS else None
            figures.append(Figure("  relay, all threads", used.cpu_s, "s CPU", goal))
    return Section("orders", f"A shop of {orders:,} orders in Unpaid", tuple(figures))


async def fill_with_orders(data_dir: Path, clerk: PrivateKey, count: int) -> None:
    """Make so many orders that are to be paid, in the shop of a relay that does not run."""
    async with open_fixtures(data_dir, clerk) as shop:
        listing = shop.author.listing_id(0)
        await _write(shop, shop.author.add_listing(0), *opening(listing, count))
        for start in range(1, count + 1, _ORDERS_IN_A_SET):
            patches: list[NewPatch] = []
            for order in range(start, min(start + _ORDERS_IN_A_SET, count + 1)):
                patches.append(add_order(order, listing, OrderState.COMMITTED))
                patches += [*choose_how(order), move(order, OrderState.PAYMENT_CHOSEN)]
            await _write(shop, *patches)


async def _write(shop: Fixtures, *patches: NewPatch) -> None:
    request = shop.request(shop.author.seal(*patches))
    request.terms = SELLING_TERMS
    await shop.store.writer.commit(shop.enter(request))
