"""A relay that is killed while its orders are paid, at any moment and at each: all are paid, and once."""

import asyncio
import os
import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.shop.payment_request import PaymentRequest
from tests.chain.faults import Asked, Node, ShortRanges
from tests.chain.faulty_proxy import faulty_proxies
from tests.chain.provider_words import RANGES
from tests.chain_fixtures import rpc
from tests.failing_fsync import killing_fsync
from tests.system.killable import KillableRelay, assert_verified, killable_relay
from tests.system.paid_orders import PAID, STOCK, PaidOrders
from tests.system.payers import ROUTES

SEED = int(os.environ.get("MINIRELAY_SEED", "1"))
ROUNDS = int(os.environ.get("MINIRELAY_ROUNDS", "2"))
TIMEOUT_S = 30.0


def variables_for(deployment: Deployment) -> dict[str, str]:
    """Configure a relay that is started as a program as `PaidOrders` has it."""
    return {
        "MINIRELAY_PRICES_SOURCE": "fixed",
        "MINIRELAY_PRICES_FACTOR": "1500/1",
        "MINIRELAY_CHAINS_31337_POLL_INTERVAL": "20ms",
        "MINIRELAY_CHAINS_31337_PAYMENTS": deployment.payments,
        "MINIRELAY_CHAINS_31337_PERMIT2": deployment.permit2,
    }


@pytest.mark.slow
async def test_each_order_is_paid_once_however_often_the_relay_is_killed(
    orders: PaidOrders, dev_chain: DevChain, tmp_path: Path
) -> None:
    draw = random.Random(SEED)
    routes = [*ROUTES] * ROUNDS
    async with orders.relay():
        made = [await orders.order(is_token=route.is_token) for route in routes]
    async with killable_relay(
        tmp_path, dev_chain, orders.deployment, **variables_for(orders.deployment)
    ) as relay:
        for (_, request), route in zip(made, routes, strict=True):
            await relay.start()
            await asyncio.to_thread(route.pay, orders.payer, request, request.amount)
            # At some moment of what comes of it: before a poll, in its midst, or behind it.
            await asyncio.sleep(draw.uniform(0, 0.15))
            await relay.kill()
        await relay.start()
        async with asyncio.timeout(TIMEOUT_S):
            while {orders.row(request) for _, request in made} != {"paid"}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await relay.stop() == 0
    await assert_verified(orders.directory)
    async with orders.relay():
        await orders.clerk_view.caught_up()
        states = {found.state for order, _ in made if (found := orders.clerk_view.order(order)) is not None}
        assert states == {PAID}
        assert orders.stock() == STOCK - len(made)
        assert orders.alerts() == []


# -- at each place where it waits


@dataclass
class HangingAt:
    """An endpoint that serves five blocks of logs at a time, and hangs at a request."""

    at: int | None = None
    asked: int = 0
    ranges: ShortRanges = field(default_factory=lambda: ShortRanges(5, RANGES[0]))
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        self.asked += 1
        if self.asked == self.at:
            self.reached.set()
            await asyncio.Event().wait()
        return await self.ranges(asked, node)

    def hang_at(self, request: int | None) -> None:
        """Count from here on, and hang at this request."""
        self.at, self.asked, self.reached = request, 0, asyncio.Event()


@dataclass
class Downtime:
    """Two orders that were paid in time while the relay was down, and what was stored by then."""

    orders: PaidOrders
    requests: list[PaymentRequest]
    kept: Path

    @classmethod
    async def begin(cls, orders: PaidOrders, kept: Path) -> "Downtime":
        """Order, stop the relay, pay, and let the time to pay pass."""
        routes = [route for route in ROUTES if route.name in ("call", "token by address")]
        async with orders.relay():
            made = [await orders.order(is_token=route.is_token) for route in routes]
            await orders.polled()
        for (_, request), route in zip(made, routes, strict=True):
            await asyncio.to_thread(route.pay, orders.payer, request, request.amount)
        rpc(orders.payer.w3, "anvil_mine", hex(20))
        orders.pass_time(2 * 86_400)
        shutil.copytree(orders.directory, kept)
        return cls(orders, [request for _, request in made], kept)

    def again(self) -> None:
        """Let the directory be what it was when the relay stopped."""
        shutil.rmtree(self.orders.directory)
        shutil.copytree(self.kept, self.orders.directory)

    def sets(self) -> int:
        """How many patch sets are stored."""
        ((count,),) = self.orders.rows("SELECT count(*) FROM patch_set")
        assert isinstance(count, int)
        return count

    async def until_paid(self) -> None:
        """Wait until all is paid; then it was paid once."""
        async with asyncio.timeout(TIMEOUT_S):
            while {self.orders.row(request) for request in self.requests} != {"paid"}:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def live(relay: KillableRelay, down: Downtime, killed: Callable[[], Awaitable[object]]) -> bool:
    """Let a relay run from where it was stopped until it is killed, then another until all is paid.

    killed: waits until it is to be killed, or has been. Returns False if all was paid before that.
    """
    down.again()
    before = down.sets()
    await relay.fork()
    paid, death = asyncio.ensure_future(down.until_paid()), asyncio.ensure_future(killed())
    await asyncio.wait([paid, death], return_when=asyncio.FIRST_COMPLETED)
    was_killed = death.done()
    for task in (paid, death):
        task.cancel()
    await asyncio.gather(paid, death, return_exceptions=True)
    if relay.is_running:
        await relay.kill()
    if not was_killed:
        return False
    await relay.start()
    try:
        await down.until_paid()
    except TimeoutError as error:
        states = [down.orders.row(request) for request in down.requests]
        error.add_note(f"{states} {down.orders.alerts()}; the relay said:\n{relay.tail}")
        raise
    assert await relay.stop() == 0, relay.tail
    # One set for each, and no other: none was canceled on the way.
    assert down.sets() == before + len(down.requests)
    assert down.orders.alerts() == []
    return True


@pytest.mark.slow
async def test_what_was_paid_in_time_is_paid_once_wherever_the_relay_is_killed_when_it_is_back(
    orders: PaidOrders, dev_chain: DevChain, tmp_path: Path
) -> None:
    down = await Downtime.begin(orders, tmp_path / "kept")
    sync = killing_fsync(tmp_path)
    variables = variables_for(orders.deployment) | sync.variables
    async with faulty_proxies(dev_chain.rpc_url, 1) as (proxy,):
        proxy.fault = endpoint = HangingAt()
        async with killable_relay(
            tmp_path, dev_chain, orders.deployment, str(proxy.url), **variables
        ) as relay:

            async def at_a_request() -> None:
                await endpoint.reached.wait()
                endpoint.hang_at(None)

            async def at_a_sync() -> None:
                assert await relay.ended() == -9, relay.tail
                sync.kill_at(None)

            requests = syncs = 1
            endpoint.hang_at(requests)
            while await live(relay, down, at_a_request):
                requests += 1
                endpoint.hang_at(requests)
            endpoint.hang_at(None)
            sync.kill_at(syncs)
            while await live(relay, down, at_a_sync):
                syncs += 1
                sync.kill_at(syncs)
    assert requests > 10
    assert syncs > 3
    assert endpoint.ranges.largest > 5
    await assert_verified(orders.directory)
