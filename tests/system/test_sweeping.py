"""Sweeping with the command, on a whole relay over a real chain."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from web3 import Web3

from minirelay.cli.main import run
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.payment_request import PaymentRequest, payment_id
from tests.chain.faults import Asked, Node, no_fault
from tests.chain.faulty_proxy import faulty_proxies
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.dev.contracts.contract_calls import PAYEE
from tests.system.paid_orders import PAID, STOCK, PaidOrders, paid_orders


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


async def sweep(shop: PaidOrders, *arguments: str) -> int:
    return await asyncio.to_thread(run, ["payments", "sweep", *arguments, "--data-dir", str(shop.directory)])


async def test_what_was_paid_to_an_address_is_listed_and_swept(
    shop: PaidOrders, capsys: pytest.CaptureFixture[str]
) -> None:
    order, request = await shop.order()
    _, half = await shop.order()
    for one, amount in [(request, request.amount), (half, half.amount // 2)]:
        await asyncio.to_thread(shop.payer.by_address, one, amount)
    await shop.until(order, PAID)
    before = shop.payer.w3.eth.get_balance(shop.payer.w3.to_checksum_address(PAYEE))

    assert await sweep(shop) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["what", "wait", "sweep", "wait:", "be", "1"]
    assert max(map(len, lines)) <= 80
    assert await sweep(shop, "--json", "--chain", "31337") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in listed] == ["wait", "sweep"]
    # What `sweep_fee` has.
    assert {one["most_fee_shown"] for one in listed} == {"0.05 ETH"}

    assert await sweep(shop, "--send") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"0x{payment_id(request).hex()[:10]}  order {order}  1 ETH  swept")
    assert len(second) <= 80
    after = shop.payer.w3.eth.get_balance(shop.payer.w3.to_checksum_address(PAYEE))
    assert after == before + request.amount
    await shop.polled()
    # The order stays as it is, and nobody has to see to it.
    assert (shop.state(order), shop.row(request)) == (PAID, "paid")
    assert shop.alerts() == [("short", half.amount // 2)]
    assert await sweep(shop, "--send") == 0
    assert "nothing that can be swept" in capsys.readouterr().out
    assert await sweep(shop, "--chain", "7") == 1
    assert "chain 7 is not configured" in capsys.readouterr().err


async def test_a_token_that_is_paid_over_is_swept_by_itself(
    monkeypatch: pytest.MonkeyPatch, orders: PaidOrders
) -> None:
    monkeypatch.setattr("minirelay.payments.auto_sweep.INTERVAL_S", 0.05)
    async with orders.relay_of() as shop:
        order, request = await shop.order(is_token=True)
        token = shop.payer.token(request)
        payee = Web3.to_checksum_address(PAYEE)
        before = token.functions.balanceOf(payee).call()
        await asyncio.to_thread(shop.payer.token_by_address, request, request.amount + 1)
        await shop.until(order, PAID)
        async with asyncio.timeout(20):
            while token.functions.balanceOf(payee).call() == before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert token.functions.balanceOf(payee).call() == before + request.amount + 1
        await shop.polled()
        assert (shop.state(order), shop.row(request)) == (PAID, "over")


async def test_what_stays_at_a_swept_address_is_told_of_after_the_payment_is_final(
    monkeypatch: pytest.MonkeyPatch, orders: PaidOrders
) -> None:
    monkeypatch.setattr("minirelay.payments.auto_sweep.INTERVAL_S", 0.05)
    async with orders.relay_of() as shop:
        order, request = await shop.order(is_token=True)
        await asyncio.to_thread(shop.payer.token_by_address, request, request.amount)
        await shop.until(order, PAID)
        await asyncio.to_thread(shop.payer.sweep, request)
        await shop.polled(3)
        assert shop.rows("SELECT is_watched FROM payment_request") == [(0,)]
        await asyncio.to_thread(shop.payer.token_by_address, request, request.amount)
    # Whatever was looked at before is looked at again.
    async with orders.relay_of() as shop:
        async with asyncio.timeout(20):
            while not shop.alerts():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert shop.alerts() == [("left", request.amount)]
        assert shop.rows("SELECT is_urgent FROM alert") == [(1,)]


@dataclass
class Overtaking:
    """An endpoint at which a stranger comes right before what the relay sends."""

    come: Callable[[], object] | None = None

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        come = self.come
        if come is not None and any(one["method"] == "eth_sendRawTransaction" for one in asked.questions):
            self.come = None
            await asyncio.to_thread(come)
        return await no_fault(asked, node)


@pytest.mark.parametrize("is_token", [False, True], ids=["coins", "token"])
async def test_a_sweep_that_a_stranger_overtakes_pays_once(
    orders: PaidOrders, dev_chain: DevChain, capsys: pytest.CaptureFixture[str], is_token: bool
) -> None:
    async with faulty_proxies(dev_chain.rpc_url, 1) as (proxy,):
        proxy.fault = endpoint = Overtaking()
        async with orders.relay(chains__31337__rpc_urls=[str(proxy.url)]):
            order, request = await orders.order(is_token=is_token)
            pay = orders.payer.token_by_address if is_token else orders.payer.by_address
            await asyncio.to_thread(pay, request, request.amount)
            await orders.until(order, PAID)
            before = has(orders, request)
            endpoint.come = lambda: orders.payer.sweep(request)
            assert await sweep(orders, "--send", "--json") == 0
            (swept,) = json.loads(capsys.readouterr().out)
            assert swept["left"] == "0"
            # With the gas limit of a token enough is left of a collision's gas that it is no failure.
            assert swept["is_overtaken"] or is_token
            assert has(orders, request) == before + request.amount
            await orders.polled()
            assert (orders.state(order), orders.row(request), orders.alerts()) == (PAID, "paid", [])
            assert orders.stock() == STOCK - 1


def has(shop: PaidOrders, request: PaymentRequest) -> int:
    """How much of what a request asks for its payee has."""
    payee = Web3.to_checksum_address(PAYEE)
    if request.currency == NATIVE_COIN:
        return shop.payer.w3.eth.get_balance(payee)
    held: int = shop.payer.token(request).functions.balanceOf(payee).call()
    return held
