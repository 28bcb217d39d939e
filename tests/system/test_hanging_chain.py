"""Payment choices on a real relay while every endpoint of the chain accepts connections and never answers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minirelay.bench.scenarios.hanging_chain import hanging_endpoints
from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.poll_calls import PollCalls
from minirelay.config.urls import EndpointUrl
from minirelay.errors import Code
from minirelay.payments.quotes import PaymentChain, Quotes
from minirelay.protocol.envelope import Failure
from minirelay.relay.clock import utc_now
from minirelay.shop.order_states import OrderState
from minirelay.shop.quote import NoRates
from tests.relay.fixed_facts import CHAIN
from tests.relay.house import running_relay
from tests.relay.selling import CAP, Selling, specs, write
from tests.shop.checkouts import add_order, address, choose, item, move
from tests.shop.patching import patch

pytestmark = pytest.mark.alone

CUSTOMERS = 5
WRITES = 50


@pytest.fixture
async def quotes() -> AsyncIterator[Quotes]:
    with hanging_endpoints(3) as urls:
        async with open_http() as http:
            chain = Chain(CHAIN, http_endpoints([EndpointUrl(url) for url in urls], http))
            payable = PaymentChain(chain=chain, payments=b"\x12" * 20, calls=PollCalls())
            quotes = Quotes([payable], NoRates(), utc_now)
            async with quotes.running():
                yield quotes


async def test_choices_wait_five_seconds_and_all_else_goes_on(tmp_path: Path, quotes: Quotes) -> None:
    async with running_relay(tmp_path, facts=quotes) as house:
        shop = await Selling.start(house)
        customers = [await house.guest() for _ in range(CUSTOMERS)]
        for order, customer in enumerate(customers, 1):
            await write(customer, [add_order(order, item(CAP)), address(order)])
            await write(customer, [move(order, OrderState.COMMITTED)])
        begin = asyncio.get_running_loop().time()
        waiting = [
            await customer.start_write(*specs(*choose(order))) for order, customer in enumerate(customers, 1)
        ]
        behind = await customers[0].start_write(*specs(address(1, "replace", Name="Eva")))
        other = await house.guest()
        for number in range(WRITES):
            await write(shop.clerk, [patch("replace", "Listings", CAP, "Price", value=number)])
            await write(other, [add_order(1000 + number, item(CAP))])
        # All of that was answered while each choice waited, and so did what its session wrote behind it.
        assert not any(one.done() for one in [*waiting, behind])
        answers = [(await one).message for one in waiting]
        assert asyncio.get_running_loop().time() - begin >= 5
        for answer in answers:
            assert isinstance(answer, Failure)
            assert answer.code == Code.INVALID
            assert answer.message == "failed to establish conversion price"
        await behind
        assert (await shop.order(1))["ShippingAddress"]["Name"] == "Eva"
        assert {await shop.order_state(order) for order in range(1, CUSTOMERS + 1)} == {OrderState.COMMITTED}
