"""Paid is stored once, and nothing counts as known that is not stored: failing disks, no room, no memory."""

import asyncio
from pathlib import Path

import pytest

from minirelay.client import NewPatch
from minirelay.client.errors import EnrolmentRefused
from minirelay.dev.chain.process import DevChain
from tests.chain.faulty_proxy import faulty_proxies
from tests.failing_fsync import failing_fsync
from tests.system.killable import assert_verified, killable_relay
from tests.system.paid_orders import CAP, PAID, STOCK, PaidOrders, paid_set
from tests.system.payers import ROUTES, Route
from tests.system.test_paid_kills import variables_for

TIMEOUT_S = 30.0
LOGS = "eth_getLogs"
FAILED = "a transaction failed"


def sets(orders: PaidOrders) -> int:
    ((count,),) = orders.rows("SELECT count(*) FROM patch_set")
    assert isinstance(count, int)
    return count


async def assert_paid_once(orders: PaidOrders, order: int, sets_before: int) -> None:
    assert sets(orders) == sets_before + 1
    await assert_verified(orders.directory)
    async with orders.relay():
        await orders.clerk_view.caught_up()
        found = orders.clerk_view.order(order)
        assert found is not None
        assert (found.state, orders.stock()) == (PAID, STOCK - 1)
        await orders.polled()
        assert orders.alerts() == []


@pytest.mark.parametrize("route", ROUTES[:3], ids=str)
async def test_below_the_disk_floor_orders_are_paid_though_clients_are_refused(
    orders: PaidOrders, route: Route
) -> None:
    async with orders.relay():
        order, request = await orders.order(is_token=route.is_token)
    before = sets(orders)
    async with orders.unvisited(disk_floor="1000000000GiB") as serving:
        with pytest.raises(EnrolmentRefused, match="503"):
            async with serving.client(guest=True):
                pass
        await asyncio.to_thread(route.pay, orders.payer, request, request.amount)
        await orders.until_row(request, "paid")
    await assert_paid_once(orders, order, before)


def scanned(orders: PaidOrders) -> int:
    ((block,),) = orders.rows("SELECT scanned FROM chain_mark")
    assert isinstance(block, int)
    return block


@pytest.mark.parametrize("route", ROUTES[:3], ids=str)
async def test_what_can_not_be_stored_counts_for_nothing_and_is_paid_once_when_it_can(
    orders: PaidOrders, dev_chain: DevChain, tmp_path: Path, route: Route
) -> None:
    async with orders.relay():
        order, request = await orders.order(is_token=route.is_token)
    before = sets(orders)
    broken = failing_fsync(tmp_path)
    variables = variables_for(orders.deployment) | broken.variables
    async with (
        faulty_proxies(dev_chain.rpc_url, 1) as (proxy,),
        killable_relay(tmp_path, dev_chain, orders.deployment, str(proxy.url), **variables) as relay,
    ):
        await relay.start()
        await orders.polled()
        broken.begin()
        receipt = await asyncio.to_thread(route.pay, orders.payer, request, request.amount)
        asked = proxy.methods.count(LOGS)
        async with asyncio.timeout(TIMEOUT_S):
            # Each poll that finds it tries to store it.
            while proxy.methods.count(LOGS) < asked + 3 or FAILED not in relay.tail:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (orders.row(request), sets(orders)) == ("waiting", before)
        assert scanned(orders) < receipt["blockNumber"]
        broken.end()
        await orders.until_row(request, "paid")
        assert await relay.stop() == 0, relay.tail
    await assert_paid_once(orders, order, before)


async def test_orders_are_paid_once_while_shops_are_dropped_from_memory(orders: PaidOrders) -> None:
    async with orders.relay(limits__shop_memory=1), orders.beside(4711) as other:
        made = [await orders.order(is_token=route.is_token) for route in ROUTES]
        is_over = asyncio.Event()

        async def write_on() -> int:
            assert orders.serving is not None
            dropped = written = 0
            while not is_over.is_set():
                written += 1
                await other.clerk.write([NewPatch("replace", ("Inventory", CAP), written)])
                dropped += sum(not one.size_bytes for one in orders.serving.server.relay.shops)
            return dropped

        # Each write to one shop drops the other.
        writing = asyncio.create_task(write_on())
        for (_, request), route in zip(made, ROUTES, strict=True):
            await asyncio.to_thread(route.pay, orders.payer, request, request.amount)
        for order, _ in made:
            await orders.until(order, PAID)
        is_over.set()
        assert await writing > len(made)
        await orders.clerk_view.wait_for(lambda view: view.stock(CAP) == STOCK - len(made))
        await orders.polled()
        assert {orders.row(request) for _, request in made} == {"paid"}
        paid = [one for one in orders.sets["clerk"] if ("add", ("Orders", made[0][0], "TxDetails")) in one]
        assert paid == [paid_set(made[0][0])]
        assert orders.alerts() == []
