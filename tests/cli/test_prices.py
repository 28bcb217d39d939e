"""`minirelay prices`: a glitch of the market on a whole relay, and a person who says that it is none."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.cli.main import run
from minirelay.client import RelayRefused
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.payments import price_server
from tests.payments.price_server import PriceServer
from tests.system.paid_orders import PRICE_WEI, PaidOrders, paid_orders

PLATFORM = {"id": "dev", "chain_identifier": 31337, "native_coin_id": "ethereum"}


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


def prices(directory: Path, *arguments: str) -> int:
    return run(["prices", *arguments, "--data-dir", str(directory)])


async def test_price_that_jumped_is_offered_to_nobody_until_it_is_accepted(
    orders: PaidOrders, capsys: pytest.CaptureFixture[str]
) -> None:
    market = PriceServer({"ethereum": "3000"}, str(int(time.time())), [PLATFORM])
    market.prices[price_server.token(orders.eddies)] = "1"
    async with price_server.running(market):
        asked = {"prices__source": "coingecko", "prices__url": str(market.url)}
        async with orders.relay(**asked):
            _, request = await orders.order(is_token=True)
            before = request.amount
            # Coins for coins need no price.
            assert (await orders.order())[1].amount == PRICE_WEI
        market.prices["ethereum"] = "30"
        async with orders.relay(**asked):
            with pytest.raises(RelayRefused, match="failed to establish conversion price"):
                await orders.order(is_token=True)
            assert (await orders.order())[1].amount == PRICE_WEI
            ((detail,),) = orders.rows("SELECT detail FROM alert WHERE kind = 'price jumped'")
            command = detail.rpartition("minirelay prices ")[2].split()
            assert command == ["accept", "31337/coin", "30"]
            assert await asyncio.to_thread(prices, orders.directory) == 0
            lines = capsys.readouterr().out.splitlines()
            assert lines[1].split() == ["31337/coin", "3000", "30"]
            assert lines[-1] == "minirelay prices accept 31337/coin 30"
            assert max(map(len, lines)) <= 80
            assert await asyncio.to_thread(prices, orders.directory, "accept", "31337/coin", "3") == 1
            assert "no price near 3 dollars is held back" in capsys.readouterr().err
            assert await asyncio.to_thread(prices, orders.directory, *command) == 0
            assert capsys.readouterr().out == "31337/coin is 30 dollars from now on\n"
            _, request = await orders.order(is_token=True)
            assert request.amount == before // 100
            assert await asyncio.to_thread(prices, orders.directory, "--json") == 0
            assert json.loads(capsys.readouterr().out)[0]["held_back"] is None


async def test_without_a_market_it_says_so(orders: PaidOrders, capsys: pytest.CaptureFixture[str]) -> None:
    async with orders.unvisited():
        assert await asyncio.to_thread(prices, orders.directory) == 1
    assert "see prices.source" in capsys.readouterr().err
