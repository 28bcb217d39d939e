"""When a payment is seen: before a choice, behind a lagging node, around the depth, half canceled."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from eth_typing import HexStr
from web3 import Web3

from minirelay.client import NewPatch
from minirelay.dev.chain.blockchain import MULTICALL3_ADDRESS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.abi import load_abi
from minirelay.protocol.cbor import Value
from minirelay.protocol.signing import checksum_address
from minirelay.shop.payment_request import PaymentRequest, abi_values
from tests.chain.faults import GoingBack
from tests.chain.faulty_proxy import faulty_proxies
from tests.chain_fixtures import Contracts, rpc
from tests.contracts.deploying import VARIANTS
from tests.dev.contracts.contract_calls import PAYER, send
from tests.system.paid_orders import CANCELED, PAID, STOCK, UNPAID, PaidOrders, paid_orders
from tests.system.payers import ROUTES, Route

CONFIRMATIONS = 3
BY_NAME = {route.name: route for route in ROUTES}
OF_EACH_KIND = [BY_NAME["call"], BY_NAME["address"], BY_NAME["token by address"]]
"""A proven event, coins that lie there, a token that does."""

BELOW, AT, ABOVE = CONFIRMATIONS - 1, CONFIRMATIONS, CONFIRMATIONS + 1


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


@pytest.fixture
async def cautious(orders: PaidOrders) -> AsyncIterator[PaidOrders]:
    """A shop whose relay waits for three confirmations."""
    async with orders.relay(chains__31337__confirmations=CONFIRMATIONS):
        yield orders


@pytest.fixture
async def public(orders: PaidOrders) -> AsyncIterator[PaidOrders]:
    """The same as on a public chain, where a block that is deep is not final for long."""
    async with orders.relay(chains__31337__confirmations=CONFIRMATIONS, chains__31337__development=False):
        yield orders


async def mine(shop: PaidOrders, blocks: int) -> None:
    """Mine blocks, and let each be polled."""
    for _ in range(blocks):
        rpc(shop.payer.w3, "evm_mine")
        await seen_to(shop, shop.payer.w3.eth.block_number)


async def seen_to(shop: PaidOrders, number: int) -> None:
    """Wait until all is read up to this block, as it is now."""
    wanted = shop.payer.w3.eth.get_block(number)["hash"].hex()
    async with asyncio.timeout(20):
        while not shop.rows(f"SELECT 1 FROM chain_head WHERE hash = x'{wanted}'"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# -- 5: who pays, and chooses again before it is seen


@pytest.mark.parametrize("way", ["call", "address"])
async def test_who_pays_and_chooses_again_before_it_is_seen_pays_once(orders: PaidOrders, way: str) -> None:
    async with orders.relay(chains__31337__poll_interval="2s"):
        order, one = await orders.order()
        await asyncio.to_thread(BY_NAME[way].pay, orders.payer, one, one.amount)
        two = await orders.choose(order, is_token=True)
        assert orders.row(one) == "waiting", "it was seen too soon"
        assert one != two
        await orders.until(order, PAID)
        assert (orders.row(one), orders.row(two), orders.alerts()) == ("paid", "waiting", [])
        await asyncio.to_thread(orders.payer.token_by_call, two, two.amount)
        await orders.until_row(two, "duplicate")
        assert orders.alerts() == [("duplicate", two.amount)]
        assert orders.stock() == STOCK - 1


# -- 9: two nodes behind one URL, of which one lags and says of new blocks that there are no logs


@pytest.mark.parametrize("route", OF_EACH_KIND, ids=str)
async def test_behind_a_round_robin_with_a_lagging_node_all_is_paid_once(
    orders: PaidOrders, dev_chain: DevChain, route: Route
) -> None:
    async with faulty_proxies(dev_chain.rpc_url, 1) as (proxy,):
        settings: dict[str, Any] = {"chains__31337__rpc_urls": [str(proxy.url)]}
        async with orders.relay(**settings):
            made = [await orders.order(is_token=route.is_token) for _ in range(3)]
            proxy.fault = GoingBack(3)
            for _, request in made:
                await asyncio.to_thread(route.pay, orders.payer, request, request.amount)
                rpc(orders.payer.w3, "anvil_mine", hex(4))
            for order, request in made:
                await orders.until(order, PAID)
                assert orders.row(request) == "paid"
            assert orders.alerts() == []
            assert orders.stock() == STOCK - len(made)


# -- 10: reorganisations around the depth


async def pay_to_depth(shop: PaidOrders, route: Route, depth: int) -> tuple[int, PaymentRequest, object]:
    """Pay, and mine until the payment is so deep.

    Returns the order, its request, and a snapshot of before the payment.
    """
    order, request = await shop.order(is_token=route.is_token)
    await shop.polled()
    if route.is_token:
        send(shop.payer.token(request).functions.mint(PAYER, request.amount), PAYER)
    snapshot = rpc(shop.payer.w3, "evm_snapshot")
    await asyncio.to_thread(route.pay, shop.payer, request, request.amount)
    await seen_to(shop, shop.payer.w3.eth.block_number)
    await mine(shop, depth - 1)
    return order, request, snapshot


@pytest.mark.parametrize("depth", [BELOW, AT, ABOVE])
@pytest.mark.parametrize("route", OF_EACH_KIND, ids=str)
async def test_what_moves_to_another_block_is_paid_once(
    cautious: PaidOrders, route: Route, depth: int
) -> None:
    order, request, snapshot = await pay_to_depth(cautious, route, depth)
    rpc(cautious.payer.w3, "evm_revert", snapshot)
    rpc(cautious.payer.w3, "anvil_mine", hex(2))
    await asyncio.to_thread(route.pay, cautious.payer, request, request.amount)
    await mine(cautious, 2 * CONFIRMATIONS)
    await cautious.until(order, PAID)
    await cautious.until_row(request, "paid")
    assert (cautious.stock(), cautious.alerts()) == (STOCK - 1, [])


@pytest.mark.parametrize("depth", [BELOW, AT, ABOVE])
@pytest.mark.parametrize("route", OF_EACH_KIND, ids=str)
async def test_what_is_dropped_pays_nothing_unless_it_was_deep(
    cautious: PaidOrders, route: Route, depth: int
) -> None:
    order, request, snapshot = await pay_to_depth(cautious, route, depth)
    if depth >= CONFIRMATIONS:
        await cautious.until(order, PAID)
    rpc(cautious.payer.w3, "evm_revert", snapshot)
    rpc(cautious.payer.w3, "evm_increaseTime", 10)
    await mine(cautious, 2 * CONFIRMATIONS)
    if depth < CONFIRMATIONS:
        assert (cautious.state(order), cautious.row(request), cautious.alerts()) == (UNPAID, "waiting", [])
    else:
        # Nobody takes it back; here a block that is deep is final as well.
        assert cautious.state(order) is PAID
        assert cautious.stock() == STOCK - 1


@pytest.mark.parametrize("depth", [AT, ABOVE])
@pytest.mark.parametrize("route", OF_EACH_KIND, ids=str)
async def test_what_is_dropped_after_it_was_paid_is_reverted_until_it_is_back(
    public: PaidOrders, route: Route, depth: int
) -> None:
    order, request, snapshot = await pay_to_depth(public, route, depth)
    await public.until(order, PAID)
    rpc(public.payer.w3, "evm_revert", snapshot)
    rpc(public.payer.w3, "evm_increaseTime", 10)
    # At once: a head that goes back is not believed for a while.
    rpc(public.payer.w3, "anvil_mine", hex(depth + 2))
    await public.until_row(request, "reverted")
    assert public.alerts() == [("reverted", request.amount)]
    assert (public.state(order), public.stock()) == (PAID, STOCK - 1)
    receipt = await asyncio.to_thread(route.pay, public.payer, request, request.amount)
    await mine(public, 2 * CONFIRMATIONS)
    await public.until_row(request, "paid")
    # A balance tells no block of its own: it is there in the block that was looked at, this one or a later.
    eth = public.payer.w3.eth
    since = range(receipt["blockNumber"], eth.block_number + 1)
    await public.until_found_in(order, {bytes(eth.get_block(number)["hash"]) for number in since})
    assert (public.state(order), public.stock()) == (PAID, STOCK - 1)


@pytest.mark.parametrize("depth", [AT, ABOVE])
@pytest.mark.parametrize("route", [BY_NAME["address"], BY_NAME["token by address"]], ids=str)
async def test_what_moves_behind_the_ttl_after_it_was_paid_is_reverted(
    public: PaidOrders, route: Route, depth: int
) -> None:
    order, request, snapshot = await pay_to_depth(public, route, depth)
    await public.until(order, PAID)
    rpc(public.payer.w3, "evm_revert", snapshot)
    rpc(public.payer.w3, "evm_increaseTime", 86_500)
    rpc(public.payer.w3, "anvil_mine", hex(depth + 2))
    await public.until_row(request, "reverted")
    await asyncio.to_thread(route.pay, public.payer, request, request.amount)
    await mine(public, 2 * CONFIRMATIONS)
    # Nobody takes the order back, and nobody pays it twice; a person has been told.
    assert (public.state(order), public.row(request), public.stock()) == (PAID, "reverted", STOCK - 1)
    assert public.told_of(request) == ["reverted"]


@pytest.mark.parametrize("route", [BY_NAME["address"], BY_NAME["token by address"]], ids=str)
async def test_what_moves_behind_the_ttl_before_it_is_deep_is_late(
    cautious: PaidOrders, route: Route
) -> None:
    order, request, snapshot = await pay_to_depth(cautious, route, BELOW)
    rpc(cautious.payer.w3, "evm_revert", snapshot)
    cautious.pass_time(86_500)
    await mine(cautious, 1)
    await asyncio.to_thread(route.pay, cautious.payer, request, request.amount)
    await mine(cautious, 2 * CONFIRMATIONS)
    await cautious.until(order, CANCELED)
    await cautious.until_row(request, "late")
    assert cautious.stock() == STOCK


# -- 11: what is swept before it is deep


@pytest.mark.parametrize("is_token", [False, True], ids=["coins", "token"])
async def test_what_is_swept_between_the_head_and_the_depth_is_paid(
    cautious: PaidOrders, is_token: bool
) -> None:
    route = BY_NAME["token by address" if is_token else "address"]
    order, request, _ = await pay_to_depth(cautious, route, BELOW)
    await asyncio.to_thread(cautious.payer.sweep, request)
    await mine(cautious, 2 * CONFIRMATIONS)
    await cautious.until(order, PAID)
    await cautious.until_row(request, "paid")
    assert (cautious.stock(), cautious.alerts()) == (STOCK - 1, [])


async def test_what_is_deposited_and_swept_in_one_transaction_is_paid(shop: PaidOrders) -> None:
    order, request = await shop.order()
    payments = shop.payer.contracts.payments
    sweep = payments.encode_abi("processPayment", [abi_values(request), request.payee])
    calls = [
        (shop.payer.address_of(request), False, request.amount, b""),
        (payments.address, False, 0, HexStr(sweep)),
    ]
    address = Web3.to_checksum_address(checksum_address(MULTICALL3_ADDRESS))
    multicall = shop.payer.w3.eth.contract(address=address, abi=load_abi("Multicall3").entries)
    both = multicall.functions.aggregate3Value(calls)
    await asyncio.to_thread(send, both, PAYER, request.amount)
    await shop.until(order, PAID)
    await shop.until_row(request, "paid")
    assert (shop.stock(), shop.alerts()) == (STOCK - 1, [])


# -- 14: half canceled


async def half_cancel(shop: PaidOrders, order: int) -> None:
    at: Value = datetime(2027, 1, 1, tzinfo=UTC)
    await shop.guest.write([NewPatch("add", ("Orders", order, "CanceledAt"), at)])


async def complete_cancel(shop: PaidOrders, order: int) -> None:
    await shop.guest.write([NewPatch("replace", ("Orders", order, "State"), int(CANCELED))])


async def test_a_half_canceled_order_expires(shop: PaidOrders) -> None:
    order, request = await shop.order()
    await half_cancel(shop, order)
    await shop.polled()
    assert shop.state(order) is UNPAID
    shop.pass_time(86_500)
    await shop.until(order, CANCELED)
    await shop.until_row(request, "expired")


@pytest.mark.parametrize("route", OF_EACH_KIND, ids=str)
async def test_a_half_canceled_order_is_paid(shop: PaidOrders, route: Route) -> None:
    order, request = await shop.order(is_token=route.is_token)
    await half_cancel(shop, order)
    await asyncio.to_thread(route.pay, shop.payer, request, request.amount)
    await shop.until(order, PAID)
    assert (shop.row(request), shop.alerts()) == ("paid", [])


@pytest.mark.parametrize("route", OF_EACH_KIND, ids=str)
async def test_a_half_canceled_order_that_is_canceled_is_paid_too_late(
    shop: PaidOrders, route: Route
) -> None:
    order, request = await shop.order(is_token=route.is_token)
    await half_cancel(shop, order)
    await complete_cancel(shop, order)
    await asyncio.to_thread(route.pay, shop.payer, request, request.amount)
    await shop.until_row(request, "late")
    assert (shop.state(order), shop.stock(), shop.alerts()) == (CANCELED, STOCK, [("late", request.amount)])


@pytest.mark.parametrize("route", OF_EACH_KIND, ids=str)
async def test_a_payment_that_is_seen_when_its_order_is_canceled_is_late(
    cautious: PaidOrders, route: Route
) -> None:
    order, request, _ = await pay_to_depth(cautious, route, BELOW)
    await cautious.until_row(request, "seen")
    await cautious.cancel(order)
    await mine(cautious, 2 * CONFIRMATIONS)
    await cautious.until_row(request, "late")
    assert (cautious.state(order), cautious.stock()) == (CANCELED, STOCK)
    assert cautious.alerts() == [("late", request.amount)]
