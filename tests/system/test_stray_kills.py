"""A relay that is killed while it looks for money that nobody asked for: it finds it, and tells it once."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.chain.faulty_proxy import faulty_proxies
from tests.chain_fixtures import Contracts
from tests.failing_fsync import killing_fsync
from tests.system.killable import KillableRelay, assert_verified, killable_relay
from tests.system.paid_orders import PaidOrders, paid_orders
from tests.system.test_paid_kills import HangingAt, variables_for

STRAY = 77
TIMEOUT_S = 30.0


@dataclass
class Lives:
    """An order paid while the relay was down, the wrong token beside, and what was stored by then."""

    orders: PaidOrders
    kept: Path

    @classmethod
    async def begin(cls, orders: PaidOrders, kept: Path) -> "Lives":
        async with orders.relay():
            _, request = await orders.order()
            await orders.polled()
        payer = orders.payer
        await asyncio.to_thread(payer.send_token, payer.contracts.eddies, payer.address_of(request), STRAY)
        await asyncio.to_thread(payer.by_address, request, request.amount)
        shutil.copytree(orders.directory, kept)
        return cls(orders, kept)

    async def until_told(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not self.orders.alerts():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def live(self, relay: KillableRelay, killed: Callable[[], Awaitable[object]]) -> bool:
        """Let a relay run from before it was paid until it is killed, then another until the stray is told.

        killed: waits until it is to be killed, or has been. Returns False if it was told before that.
        """
        shutil.rmtree(self.orders.directory)
        shutil.copytree(self.kept, self.orders.directory)
        await relay.fork()
        told, death = asyncio.ensure_future(self.until_told()), asyncio.ensure_future(killed())
        await asyncio.wait([told, death], return_when=asyncio.FIRST_COMPLETED)
        was_killed = death.done()
        for task in (told, death):
            task.cancel()
        await asyncio.gather(told, death, return_exceptions=True)
        if relay.is_running:
            await relay.kill()
        if not was_killed:
            return False
        await relay.start()
        await self.until_told()
        assert await relay.stop() == 0, relay.tail
        assert self.orders.alerts() == [("stray", STRAY)]
        assert self.orders.rows("SELECT state, is_watched FROM payment_request") == [("paid", 0)]
        return True


@pytest.mark.slow
async def test_what_nobody_asked_for_is_told_once_wherever_the_relay_is_killed(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts, w3: Web3
) -> None:
    orders = paid_orders(tmp_path / "data", dev_chain, deployment, contracts, w3, "development")
    lives = await Lives.begin(orders, tmp_path / "kept")
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
            while await lives.live(relay, at_a_request):
                requests += 2  # each other one is enough: there are many between two rows
                endpoint.hang_at(requests)
            endpoint.hang_at(None)
            sync.kill_at(syncs)
            while await lives.live(relay, at_a_sync):
                syncs += 1
                sync.kill_at(syncs)
            sync.kill_at(None)
    assert requests > 10
    assert syncs > 3
    await assert_verified(orders.directory)
