"""Money that came on another chain than was asked for, on a whole relay with two chains."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from web3 import Web3

from minirelay.chain.endpoint import open_http
from minirelay.cli.main import run
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment, deploy_contracts
from minirelay.dev.sending import connect as connect_chain
from minirelay.shop.payment_request import payment_id
from tests.chain.faults import Asked, Node, answer_with, hang
from tests.chain.faulty_proxy import FaultyProxy, faulty_proxies
from tests.chain_fixtures import Contracts, connect
from tests.system.paid_orders import CHAIN, PAID, PaidOrders, paid_orders
from tests.system.payers import Payer

ELSEWHERE = 10
COINS = 5 * 10**18


async def as_elsewhere(asked: Asked, node: Node) -> web.StreamResponse:
    """Say that this is another chain."""
    answers = await node(asked.questions)
    for question, answer in zip(asked.questions, answers, strict=True):
        if question["method"] == "eth_chainId":
            answer["result"] = hex(ELSEWHERE)
    return answer_with(asked, answers)


@pytest.fixture(scope="module")
def other_chain() -> Iterator[DevChain]:
    with DevChain.start() as chain:
        yield chain


@dataclass
class TwoChains:
    """A shop on one chain, and a second one with the same contracts. payer: who pays there."""

    shop: PaidOrders
    payer: Payer
    proxy: FaultyProxy

    async def pay_there(self, request: Any, amount: int = COINS) -> None:
        """Pay to the address of a request, on the wrong chain."""
        to = await asyncio.to_thread(self.shop.payer.address_of, request)
        await asyncio.to_thread(self.payer.transfer, to, amount)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        settings = {
            f"chains__{ELSEWHERE}__rpc_urls": [self.proxy.url],
            f"chains__{ELSEWHERE}__poll_interval": "50ms",
            f"chains__{ELSEWHERE}__payments": self.shop.payer.contracts.payments.address,
        }
        async with self.shop.relay(**settings):
            yield

    async def until_alert(self) -> list[tuple[str, int]]:
        async with asyncio.timeout(20):
            while not (found := self.shop.alerts()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def chains(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dev_chain: DevChain,
    other_chain: DevChain,
    deployment: Deployment,
    contracts: Contracts,
    w3: Web3,
) -> AsyncIterator[TwoChains]:
    # Nothing is open there, so it would be polled twice a minute.
    monkeypatch.setattr("minirelay.chain.poll_loop.QUIET_INTERVAL_S", 0.05)
    async with AsyncExitStack() as parts:
        http = await parts.enter_async_context(open_http())
        await deploy_contracts(await connect_chain(http, other_chain.rpc_url))
        (proxy,) = await parts.enter_async_context(faulty_proxies(other_chain.rpc_url, 1))
        proxy.fault = as_elsewhere
        shop = paid_orders(tmp_path, dev_chain, deployment, contracts, w3, "development")
        yield TwoChains(shop, Payer(connect(other_chain), contracts), proxy)


async def test_coins_on_the_wrong_chain_are_told_of_listed_and_can_be_swept_there(
    chains: TwoChains, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = chains.shop
    async with chains.running():
        order, request = await shop.order()
        await chains.pay_there(request)
        await asyncio.to_thread(shop.payer.by_address, request, request.amount)
        await shop.until(order, PAID)
        assert await chains.until_alert() == [("stray elsewhere", COINS)]

        named, data = f"0x{payment_id(request).hex()}", ["--data-dir", str(shop.directory)]
        assert await asyncio.to_thread(run, ["payments", "--all", *data]) == 0
        words = capsys.readouterr().out
        assert f"{named[:12]}: 5 ETH that it did not ask for came on chain {ELSEWHERE}" in words
        assert await asyncio.to_thread(run, ["payments", "--json", *data]) == 0
        (found,) = json.loads(capsys.readouterr().out)
        (stray,) = [one for one in found["observed"] if one["kind"] == "stray"]
        assert (found["chain"], stray["chain"], stray["amount"]) == (CHAIN, ELSEWHERE, str(COINS))
        assert found["not_looked_at"] == []
        assert await asyncio.to_thread(run, ["alerts", "--json", *data]) == 0
        (alert,) = json.loads(capsys.readouterr().out)
        assert f"5 ETH came on chain {ELSEWHERE}" in alert["detail"]
        assert await asyncio.to_thread(run, ["alerts", *data]) == 0
        assert f"came on chain {ELSEWHERE}" in capsys.readouterr().out

        assert await asyncio.to_thread(run, ["payments", "sweep", "--json", *data]) == 0
        there, own = json.loads(capsys.readouterr().out)
        assert (own["chain"], own["verdict"]) == (CHAIN, "sweep")
        assert (there["chain"], there["request_chain"], there["verdict"]) == (ELSEWHERE, CHAIN, "wait")
        assert await asyncio.to_thread(run, ["payments", "sweep", *data]) == 0
        assert f"chain {ELSEWHERE}: it came on this chain" in capsys.readouterr().out.replace("\n  ", " ")


async def test_a_chain_that_hangs_delays_nothing_and_is_searched_after_a_restart(chains: TwoChains) -> None:
    shop = chains.shop
    chains.proxy.fault = hang
    async with chains.running():
        order, request = await shop.order()
        await chains.pay_there(request)
        await asyncio.to_thread(shop.payer.by_address, request, request.amount)
        await shop.until(order, PAID)
        await shop.polled()
        assert shop.alerts() == []
        assert shop.rows("SELECT is_watched FROM payment_request") == [(0,)]
    chains.proxy.fault = as_elsewhere
    async with chains.running():
        assert await chains.until_alert() == [("stray elsewhere", COINS)]
