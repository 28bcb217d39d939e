"""A relay that is killed again and again while its orders are paid: each is paid in the end, and once."""

import asyncio
import os
import random
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.system.killable import assert_verified, killable_relay
from tests.system.paid_orders import PAID, STOCK, paid_orders
from tests.system.payers import ROUTES

SEED = int(os.environ.get("MINIRELAY_SEED", "1"))
ROUNDS = int(os.environ.get("MINIRELAY_ROUNDS", "2"))
TIMEOUT_S = 30.0


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
async def test_each_order_is_paid_once_however_often_the_relay_is_killed(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts, w3: Web3, variant: str
) -> None:
    draw = random.Random(SEED)
    orders = paid_orders(tmp_path / "data", dev_chain, deployment, contracts, w3, variant)
    routes = [*ROUTES] * ROUNDS
    async with orders.relay():
        made = [await orders.order(is_token=route.is_token) for route in routes]
    variables = {
        "MINIRELAY_PRICES_SOURCE": "fixed",
        "MINIRELAY_PRICES_FACTOR": "1500/1",
        "MINIRELAY_CHAINS_31337_POLL_INTERVAL": "20ms",
        "MINIRELAY_CHAINS_31337_PAYMENTS": orders.deployment.payments,
        "MINIRELAY_CHAINS_31337_PERMIT2": orders.deployment.permit2,
    }
    async with killable_relay(tmp_path, dev_chain, orders.deployment, **variables) as relay:
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
