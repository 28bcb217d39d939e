"""What a commit and a payment choice cost on the event loop, beside writes that cause nothing."""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.fixtures import Fixtures, prepare
from minirelay.bench.meters import US_PER_S
from minirelay.bench.report import Figure, Section
from minirelay.bench.selling import SELLING_TERMS, add_order, choose, choose_how, move, opening
from minirelay.protocol.patch_set import NewPatch
from minirelay.relay.client_write import ClientWrite
from minirelay.shop.order_states import OrderState

LISTINGS: Final = 100
ORDERS: Final = 256


def run(bench: Bench) -> Section:
    """Commit orders, then choose how they are paid."""
    bench.tell(f"checkout: {ORDERS:,} orders")
    with tempfile.TemporaryDirectory(prefix="minirelay-bench-", dir=bench.directory) as directory:
        costs = asyncio.run(_measure(Path(directory)))
    figures = (
        Figure("a write of one patch", costs.plain, "µs CPU"),
        Figure("a commit that reserves", costs.commit, "µs CPU"),
        Figure("  a commit, in writes of one patch", costs.commit / costs.plain, "x", goals.COST_OF_CHECKOUT),
        Figure("the patches of a choice, but for its state", costs.like, "µs CPU"),
        Figure("a payment choice, with the relay's answer", costs.choice, "µs CPU"),
        Figure("  in writes of those patches", costs.choice / costs.like, "x", goals.COST_OF_CHECKOUT),
        Figure("  in writes of one patch", costs.choice / costs.plain, "x"),
        Figure("the same choice again, with the same answer", costs.again, "µs CPU"),
        Figure("  in writes of those patches", costs.again / costs.like, "x", goals.COST_OF_CHECKOUT),
    )
    notes = (
        f"From a set's bytes to its commit, on the loop; {ORDERS} of each, {LISTINGS} listings.",
        "A choice is three patches in one set, and is answered by two in a set that the relay signs.",
    )
    return Section("checkout", "Orders", figures, notes)


@dataclass(frozen=True, slots=True)
class _Costs:
    """Medians, in µs. like: what a choice writes, with a part of an address instead of the state."""

    plain: float
    commit: float
    like: float
    choice: float
    again: float


async def _measure(directory: Path) -> _Costs:
    numbers = range(1, ORDERS + 1)
    async with prepare(directory, LISTINGS) as shop:
        listing = shop.author.listing_id(0)
        _enter(shop, *opening(listing, ORDERS))
        for order in numbers:
            _enter(shop, add_order(order, listing))
        plain = [_time(shop, one) for one in shop.price_changes(ORDERS)]
        commits = [_enter(shop, move(order, OrderState.COMMITTED)) for order in numbers]
        likes = [_enter(shop, *choose_how(order), _other_city(order)) for order in numbers]
        choices, again = ([_enter(shop, *choose(order)) for order in numbers] for _ in range(2))
        return _Costs(*map(median, (plain, commits, likes, choices, again)))


def _enter(shop: Fixtures, *patches: NewPatch) -> float:
    """Write a set; return what it costs, in µs."""
    return _time(shop, shop.request(shop.author.seal(*patches)))


def _time(shop: Fixtures, request: ClientWrite) -> float:
    request.terms = SELLING_TERMS
    begin = time.thread_time()
    request.decode()
    request.verify()
    shop.enter(request)
    return (time.thread_time() - begin) * US_PER_S


def _other_city(order: int) -> NewPatch:
    return NewPatch("replace", ("Orders", order, "ShippingAddress", "City"), "Köln")
