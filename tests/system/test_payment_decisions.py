"""What the operator decides about payments, with the commands, on a whole relay over a real chain."""

import asyncio
import json
import os
import pwd
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.cli.main import run
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.shop.payment_request import payment_id
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.system.paid_orders import PAID, STOCK, UNPAID, PaidOrders, paid_orders, paid_set


@pytest.fixture(params=VARIANTS)
async def shop(
    tmp_path: Path,
    dev_chain: DevChain,
    deployment: Deployment,
    contracts: Contracts,
    w3: Web3,
    request: pytest.FixtureRequest,
) -> AsyncIterator[PaidOrders]:
    made = paid_orders(tmp_path, dev_chain, deployment, contracts, w3, request.param)
    async with made.relay_of() as orders:
        yield orders


async def payments(shop: PaidOrders, *arguments: str) -> int:
    return await asyncio.to_thread(run, ["payments", *arguments, "--data-dir", str(shop.directory)])


async def test_an_accepted_order_is_paid_and_who_did_it_is_kept(
    shop: PaidOrders, capsys: pytest.CaptureFixture[str]
) -> None:
    order, request = await shop.order()
    await shop.polled()
    shown = f"0x{payment_id(request).hex()[:10]}"
    assert await payments(shop, "accept", shown, "--reason", "paid in cash") == 0
    assert capsys.readouterr().out == f"request {shown} is accepted: order {order} is Paid\n"
    await shop.until(order, PAID)
    assert shop.sets["clerk"][-1] == paid_set(order)
    assert (shop.stock(), shop.row(request)) == (STOCK - 1, "paid")
    assert await payments(shop, "accept", shown) == 1
    assert capsys.readouterr().err == f"minirelay: this request of order {order} is paid already\n"
    assert await payments(shop, "--json", "--order", str(order)) == 0
    (found,) = json.loads(capsys.readouterr().out)
    (made,) = found["decisions"]
    assert (made["decision"], made["reason"]) == ("accept", "paid in cash")
    assert made["by"] == pwd.getpwuid(os.getuid()).pw_name


async def test_a_dismissed_request_is_watched_no_more(
    shop: PaidOrders, capsys: pytest.CaptureFixture[str]
) -> None:
    order, request = await shop.order()
    shown = f"0x{payment_id(request).hex()[:10]}"
    assert await payments(shop, "dismiss", shown) == 0
    assert capsys.readouterr().out == f"request {shown} is dismissed; it is watched no more\n"
    await asyncio.to_thread(shop.payer.by_address, request, request.amount)
    await shop.polled()
    await shop.polled()
    assert shop.state(order) is UNPAID
    assert (shop.alerts(), shop.row(request)) == ([], "dismissed")


async def test_mistakes_are_one_line(shop: PaidOrders, capsys: pytest.CaptureFixture[str]) -> None:
    assert await payments(shop, "accept", "0x1234567890") == 1
    assert capsys.readouterr().err.startswith("minirelay: there is no payment request 0x1234567890")
    assert await payments(shop, "accept", "order-17") == 2
    assert "not a request" in capsys.readouterr().err


def test_without_a_relay_nothing_is_decided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["payments", "accept", "0x1234567890", "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"minirelay: {tmp_path}: no relay runs there")
