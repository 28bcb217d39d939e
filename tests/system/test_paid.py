"""Orders that turn Paid by themselves: a whole relay, a real chain, the contract in both variants."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.system.paid_orders import PAID, STOCK, PaidOrders, paid_orders, paid_set
from tests.system.payers import ROUTES, Route

MOST_S = 10.0
"""Ten times the second that it may take: other tests run beside this one."""


@pytest.fixture(params=VARIANTS)
def orders(
    tmp_path: Path,
    dev_chain: DevChain,
    deployment: Deployment,
    contracts: Contracts,
    w3: Web3,
    request: pytest.FixtureRequest,
) -> PaidOrders:
    return paid_orders(tmp_path, dev_chain, deployment, contracts, w3, request.param)


@pytest.fixture
async def shop(orders: PaidOrders) -> AsyncIterator[PaidOrders]:
    async with orders.relay():
        yield orders


@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_an_order_is_paid_in_one_set_soon(shop: PaidOrders, route: Route) -> None:
    order, request = await shop.order(is_token=route.is_token)
    await asyncio.to_thread(route.pay, shop.payer, request, request.amount)
    paid_at = time.monotonic()
    await shop.until(order, PAID)
    assert time.monotonic() - paid_at < MOST_S
    await shop.clerk_view.wait_for(lambda view: view.stock(1) == STOCK - 1)
    assert shop.sets["clerk"][-1] == paid_set(order)
    # A guest sees its own, without the stock.
    assert shop.sets["guest"][-1] == paid_set(order, ())
    assert shop.alerts() == []
    await shop.polled()
    assert (shop.stock(), shop.row(request)) == (STOCK - 1, "paid")


@pytest.mark.parametrize("second", ["call", "address"])
@pytest.mark.parametrize("first", ["call", "address"])
async def test_two_requests_of_an_order_pay_it_once(shop: PaidOrders, first: str, second: str) -> None:
    by_name = {route.name: route for route in ROUTES}
    order, one = await shop.order()
    # Another currency, and back: another request.
    await shop.choose(order, is_token=True)
    shop.pass_time(86_400 // 2 + 100)
    await shop.polled()
    two = await shop.choose(order)
    assert one != two
    await asyncio.to_thread(by_name[first].pay, shop.payer, one, one.amount)
    await shop.until(order, PAID)
    await asyncio.to_thread(by_name[second].pay, shop.payer, two, two.amount)
    await shop.until_row(two, "duplicate")
    assert shop.alerts() == [("duplicate", two.amount)]
    assert shop.stock() == STOCK - 1


@pytest.mark.parametrize("is_token", [False, True], ids=["coins", "token"])
async def test_an_address_swept_between_two_parts_is_replaced_at_once(
    shop: PaidOrders, is_token: bool
) -> None:
    pay = shop.payer.token_by_address if is_token else shop.payer.by_address
    order, request = await shop.order(is_token=is_token)
    await asyncio.to_thread(pay, request, request.amount // 2)
    await shop.until_row(request, "short")
    await asyncio.to_thread(shop.payer.sweep, request)
    await shop.guest_view.wait_for(
        lambda view: (
            (found := view.order(order)) is not None
            and found.payment_details is not None
            and found.payment_details.ttl != request.ttl
        )
    )
    # Of a token it is known what had arrived, of coins what is missing proves nothing.
    assert shop.row(request) == ("short" if is_token else "unproven")
    assert ("dead address", request.amount // 2) in shop.alerts()
    assert shop.rows("SELECT is_urgent FROM alert WHERE kind = 'dead address'") == [(1,)]
    again = await shop.choose(order, is_token=is_token)
    assert shop.payer.address_of(again) != shop.payer.address_of(request)
    # The second part goes where the customer was sent then.
    await asyncio.to_thread(pay, again, again.amount)
    await shop.until(order, PAID)
    await shop.polled()
    assert shop.row(again) == "paid"
    assert shop.stock() == STOCK - 1


async def test_a_sweep_by_anybody_pays(shop: PaidOrders) -> None:
    order, request = await shop.order()
    await asyncio.to_thread(shop.payer.by_address, request, request.amount)
    await asyncio.to_thread(shop.payer.sweep, request)
    await shop.until(order, PAID)
    await shop.polled()
    assert (shop.row(request), shop.stock(), shop.alerts()) == ("paid", STOCK - 1, [])


async def test_stock_moves_once_when_the_balance_and_then_the_event_show_one_payment(
    shop: PaidOrders,
) -> None:
    order, request = await shop.order()
    await asyncio.to_thread(shop.payer.by_address, request, request.amount)
    await shop.until(order, PAID)
    await asyncio.to_thread(shop.payer.sweep, request)
    await shop.polled()
    assert (shop.row(request), shop.stock(), shop.alerts()) == ("paid", STOCK - 1, [])
