"""The webhook of a whole relay over a real chain: what is posted of an order, and of its payment."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.shop.payment_request import payment_id
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.operations.webhook_receiver import SECRET, Receiver, answering, receiver, take
from tests.system.paid_orders import PAID, PaidOrders, paid_orders


@pytest.fixture
async def posted_to() -> AsyncIterator[Receiver]:
    async with receiver() as listening:
        yield listening


@pytest.fixture
def orders(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts, w3: Web3
) -> PaidOrders:
    return paid_orders(tmp_path / "data", dev_chain, deployment, contracts, w3, VARIANTS[0])


@pytest.fixture
def settings(tmp_path: Path, posted_to: Receiver) -> dict[str, str]:
    secret = tmp_path / "webhook.secret"
    secret.touch(mode=0o600)
    secret.write_bytes(SECRET + b"\n")
    return {"webhook_url": str.__str__(posted_to.url), "webhook_secret_file": str(secret)}


async def test_an_order_is_told_as_it_is_paid(
    orders: PaidOrders, posted_to: Receiver, settings: dict[str, str]
) -> None:
    async with orders.relay(chains__31337__confirmations="3", **settings):
        order, request = await orders.order()
        await asyncio.to_thread(orders.payer.by_call, request, request.amount)
        await posted_to.until(lambda one: one.types() == ["payment.seen"])
        await orders.polled(4)
        await orders.until(order, PAID)
        await posted_to.until(lambda one: len(one.taken) == 2)
    assert posted_to.types() == ["payment.seen", "payment.paid"]
    for event in posted_to.taken:
        payment = event["payment"]
        assert payment["request_id"] == f"0x{payment_id(request).hex()}"
        assert (payment["order_id"], payment["amount"]) == (str(order), str(request.amount))
    assert posted_to.taken[-1]["payment"]["received"] == str(request.amount)


async def test_what_was_not_taken_is_posted_after_a_restart_and_nothing_twice(
    orders: PaidOrders, posted_to: Receiver, settings: dict[str, str]
) -> None:
    posted_to.behaviour = answering(503)
    async with orders.relay(**settings):
        _, request = await orders.order()
        await asyncio.to_thread(orders.payer.by_address, request, request.amount // 2)
        await orders.until_row(request, "short")
        await posted_to.until(lambda one: len(one.tried) > 0)
    first = posted_to.tried[0]
    posted_to.behaviour = take
    async with orders.relay(**settings):
        await posted_to.until(lambda one: len(one.taken) == 2)
        assert posted_to.taken[0] == first
        assert sorted(posted_to.types()) == ["alert", "payment.short"]
    # All that was taken is noted when the relay has stopped.
    taken = list(posted_to.ids())
    async with orders.relay(**settings):
        await orders.polled()
    assert posted_to.ids() == taken
