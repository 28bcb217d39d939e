"""What the operator sees of prices, and says about them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from minirelay.chain.endpoint import open_http
from minirelay.errors import MalformedInput
from minirelay.operations.operator import OperatorError
from minirelay.operations.prices import Prices, UnknownPrice
from minirelay.payments.coingecko import CoinGecko
from minirelay.payments.market_rates import MarketRates
from minirelay.payments.price_memory import StoredPrices
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address
from minirelay.store.database import Store
from tests.payments.price_server import NOW, TOKEN, PriceServer, running, token

COIN, USD = (1, NATIVE_COIN), (1, TOKEN)


@pytest.fixture
async def prices(tmp_path: Path) -> AsyncIterator[Prices]:
    """Prices of a coin, which jumped from 3000 to 3900 dollars, and of a token."""
    server = PriceServer({"ethereum": "3900", token(TOKEN): "0.5"})
    now = datetime.fromtimestamp(NOW, UTC)
    async with await Store.open(tmp_path) as store, running(server), open_http() as http:
        memory = StoredPrices(store, lambda: now)
        await memory.accept(COIN, Fraction(3000))
        market = MarketRates(
            CoinGecko(http, server.url), memory, lambda: now, most_change=Fraction(20, 100), clock=lambda: 0.0
        )
        market.keep(1, [USD, COIN])
        await market.read_due()
        yield Prices(market)


async def test_what_is_held_back_comes_first_and_is_accepted_as_it_was_seen(prices: Prices) -> None:
    dollar = {"currency": f"1/{checksum_address(TOKEN)}", "price": "0.5", "held_back": None}
    assert prices.list() == [{"currency": "1/coin", "price": "3000", "held_back": "3900"}, dollar]
    for seen in ("3000", "39000"):
        with pytest.raises(UnknownPrice, match=f"no price near {seen} dollars is held back for 1/coin"):
            await prices.accept("1/coin", seen, "me")
    for currency, seen in (("coin", "3900"), ("1/coin", "-1"), ("1/coin", "nan")):
        with pytest.raises(MalformedInput):
            await prices.accept(currency, seen, "me")
    accepted = {"currency": "1/coin", "price": "3900", "held_back": None}
    assert await prices.accept("1/coin", "3.9e3", "me") == accepted
    assert prices.list() == [accepted, dollar]


async def test_without_a_market_there_are_no_prices() -> None:
    with pytest.raises(OperatorError, match=r"prices\.source"):
        Prices(None).list()
    with pytest.raises(OperatorError, match=r"prices\.source"):
        await Prices(None).accept("1/coin", "1", "me")
