"""Tokens that are a burden, that can't be moved on, that keep a fee, or of which too much came."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from web3 import Web3
from web3.contract import Contract

from minirelay.cli.main import run
from minirelay.cli.operating import ask_relay
from minirelay.client.errors import RelayRefused
from minirelay.dev.chain.process import DevChain
from minirelay.errors import Code
from minirelay.payments.alert_limits import MOST_OF_A_CARD
from minirelay.shop.payment_request import PaymentRequest, payment_id
from tests.chain.faults import Asked, Node, no_fault
from tests.chain.faulty_proxy import faulty_proxies
from tests.contracts.deploying import deploy
from tests.dev.contracts.contract_calls import PAYEE, STRANGER, call, events, send
from tests.system.paid_orders import PAID, STOCK, UNPAID, PaidOrders

DAY_S = 86_400
BALANCE, BURNS_GAS, MEGABYTE, NOTHING = range(4)


async def accept(shop: PaidOrders, name: str) -> tuple[Contract, bytes]:
    """Deploy one of the odd tokens, and let the shop accept it; return it and its address."""
    token = deploy(shop.payer.w3, name)
    address = bytes.fromhex(token.address[2:])
    await shop.accept(address)
    return token, address


# -- 17: tokens that burden who asks them


@dataclass
class CountedPolls:
    """An endpoint that counts how often it is asked for its head."""

    polls: int = 0

    async def __call__(self, asked: Asked, node: Node) -> web.StreamResponse:
        self.polls += any(
            one["method"] == "eth_getBlockByNumber" and one["params"][0] == "latest"
            for one in asked.questions
        )
        return await no_fault(asked, node)


MOST_POLLS = 5
"""After a payment: the one that finds it, and some more while everybody is told."""

HOSTILE = MOST_OF_A_CARD + 3
BATCHES: dict[str, Any] = {}
MULTICALL: dict[str, Any] = {"chains__31337__development": False, "chains__31337__confirmations": 1}
"""As on public chains, where balances are read together."""


@pytest.mark.slow
@pytest.mark.parametrize("reading", [BATCHES, MULTICALL], ids=["batches", "multicall"])
@pytest.mark.parametrize("answer", [BURNS_GAS, MEGABYTE, NOTHING], ids=["burns gas", "megabyte", "nothing"])
async def test_a_token_that_burdens_who_asks_it_stops_no_other_shop(
    orders: PaidOrders, dev_chain: DevChain, answer: int, reading: dict[str, Any]
) -> None:
    async with faulty_proxies(dev_chain.rpc_url, 1) as (proxy,):
        proxy.fault = endpoint = CountedPolls()
        settings = {"chains__31337__rpc_urls": [str(proxy.url)], **reading}
        async with orders.relay(**settings), orders.beside(4711) as other:
            token, address = await accept(orders, "HostileToken")
            hostile = [await orders.order(coin=address) for _ in range(HOSTILE)]
            await asyncio.to_thread(send, token.functions.behave(answer), STRANGER)
            await orders.polled()
            for route in (other.payer.by_address, other.payer.token_by_address):
                order, request = await other.order(is_token=route == other.payer.token_by_address)
                await asyncio.to_thread(route, request, request.amount)
                before = endpoint.polls
                await other.until(order, PAID)
                assert endpoint.polls - before <= MOST_POLLS
                assert other.told_of(request) == []
            # Its own shop is told, of as many as one guest may fill its list with, and that there are more.
            assert [kind for kind, _ in orders.alerts()] == ["unreadable token"] * (MOST_OF_A_CARD + 1)
            # Whoever paid in it gets what he paid for, once it answers again.
            await asyncio.to_thread(send, token.functions.behave(BALANCE), STRANGER)
            order, request = hostile[0]
            await asyncio.to_thread(orders.payer.token_by_address, request, request.amount)
            await orders.until(order, PAID)


# -- 12: tokens that can't be moved on, or not as a whole


async def test_a_token_that_returns_nothing_is_refused_at_the_choice_unless_it_is_allowed(
    orders: PaidOrders,
) -> None:
    async with orders.relay():
        _, address = await accept(orders, "SilentToken")
        with pytest.raises(RelayRefused, match="this token can't be paid to an address") as refused:
            await orders.order(coin=address)
        assert refused.value.code is Code.INVALID
        assert orders.rows("SELECT count(*) FROM payment_request") == [(0,)]
        # A token that returns true is taken beside it.
        await orders.order(is_token=True)
    async with orders.relay(chains__31337__allow_unsweepable=True):
        order, request = await orders.order(coin=address)
        await asyncio.to_thread(orders.payer.token_by_address, request, request.amount)
        await orders.until(order, PAID)


async def test_a_token_that_keeps_a_fee_is_short_by_it(shop: PaidOrders) -> None:
    _, address = await accept(shop, "FeeToken")
    order, request = await shop.order(coin=address)
    await asyncio.to_thread(shop.payer.token_by_address, request, request.amount)
    await shop.until_row(request, "short")
    assert shop.alerts() == [("short", request.amount * 9 // 10)]
    assert shop.state(order) is UNPAID


# -- 12: a token of which one unit too much comes, shortly before its time is over


@dataclass
class Swept:
    """What `minirelay payments sweep` says and does."""

    shop: PaidOrders
    capsys: pytest.CaptureFixture[str]

    async def verdicts(self, *flags: str) -> dict[str, str]:
        """What can be done about each request, by its id. flags: `--send`, then only what was sent."""
        directory = str(self.shop.directory)
        asked = ["payments", "sweep", "--json", *flags, "--data-dir", directory]
        assert await asyncio.to_thread(run, asked) == 0
        found: list[dict[str, Any]] = json.loads(self.capsys.readouterr().out)
        return {one["request"]: one["verdict"] for one in found}


def named(request: PaymentRequest) -> str:
    return f"0x{payment_id(request).hex()}"


def lies_at(shop: PaidOrders, request: PaymentRequest) -> int:
    held: int = call(shop.payer.token(request).functions.balanceOf(shop.payer.address_of(request)))
    return held


async def test_a_token_that_is_over_by_a_unit_arrives_if_swept_in_time_and_is_locked_after(
    orders: PaidOrders, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = Swept(orders, capsys)
    async with orders.relay(chains__31337__auto_sweep="off"):
        made = [await orders.order(is_token=True) for _ in range(2)]
        (_, early), (_, late) = made
        orders.pass_time(DAY_S - 600)
        for order, request in made:
            await asyncio.to_thread(orders.payer.token_by_address, request, request.amount + 1)
            await orders.until(order, PAID)
            await orders.until_row(request, "over")
        # There are ten minutes left to do something about it.
        told = orders.rows("SELECT kind, is_urgent, amount FROM alert")
        assert told == [("over", 1, (early.amount + 1).to_bytes(32))] * 2
        assert await swept.verdicts() == {named(early): "sweep", named(late): "sweep"}

        token, payee = orders.payer.token(early), Web3.to_checksum_address(PAYEE)
        before = call(token.functions.balanceOf(payee))
        path = f"/v1/payments/{named(early)}/sweep"
        await asyncio.to_thread(ask_relay, orders.directory, path)
        assert call(token.functions.balanceOf(payee)) == before + early.amount + 1

        orders.pass_time(1200)
        await orders.polled()
        assert await swept.verdicts() == {named(late): "locked"}
        # Nothing is sent that would only burn its fee.
        assert await swept.verdicts("--send") == {}
        assert lies_at(orders, late) == late.amount + 1
        assert [orders.state(order) for order, _ in made] == [PAID, PAID]
        assert orders.stock() == STOCK - 2


async def test_a_strangers_dust_on_a_token_that_is_paid_and_final_is_told_urgently_and_swept_in_time(
    monkeypatch: pytest.MonkeyPatch, orders: PaidOrders
) -> None:
    monkeypatch.setattr("minirelay.payments.auto_sweep.INTERVAL_S", 0.05)
    async with orders.relay():
        order, request = await orders.order(is_token=True)
        token, payee = orders.payer.token(request), Web3.to_checksum_address(PAYEE)
        before = call(token.functions.balanceOf(payee))
        await asyncio.to_thread(orders.payer.token_by_address, request, request.amount)
        await orders.until(order, PAID)
        await orders.polled(3)
        assert (orders.row(request), orders.alerts()) == ("paid", [])
        await asyncio.to_thread(orders.payer.token_by_address, request, 1)
        await orders.until_row(request, "over")
        assert orders.rows("SELECT kind, is_urgent FROM alert") == [("over", 1)]
        async with asyncio.timeout(20):
            while lies_at(orders, request):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert call(token.functions.balanceOf(payee)) == before + request.amount + 1
        await orders.polled()
        # What lies nowhere any more need not be watched.
        assert orders.rows("SELECT is_watched FROM payment_request") == [(0,)]
        assert (orders.state(order), orders.stock()) == (PAID, STOCK - 1)


async def test_what_is_reported_as_locked_is_locked_on_public_chains(
    make_orders: Callable[[str], PaidOrders],
) -> None:
    shop = make_orders("deployed")
    async with shop.relay(chains__31337__auto_sweep="off"):
        order, request = await shop.order(is_token=True)
        await asyncio.to_thread(shop.payer.token_by_address, request, request.amount + 1)
        await shop.until(order, PAID)
        shop.pass_time(DAY_S + 600)
        receipt = await asyncio.to_thread(shop.payer.sweep, request)
        assert len(events(shop.payer.contracts.payments, "SweepFailed", receipt)) == 1
        assert lies_at(shop, request) == request.amount + 1
