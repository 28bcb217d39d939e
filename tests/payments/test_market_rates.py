"""Rates of the market, with a stand-in for CoinGecko, a clock of the test's, and a memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from minirelay.chain.endpoint import open_http
from minirelay.errors import PricesUnavailable, StoreError
from minirelay.payments import market_rates
from minirelay.payments.coingecko import BATCH, CoinGecko
from minirelay.payments.market_rates import CACHED_S, MOST_REQUESTS, OLDEST_S, MarketRates, rate_between
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.checkout_facts import UNKNOWN
from minirelay.shop.issued_requests import Place
from minirelay.shop.objects import ChainAddress
from minirelay.shop.quote import Rate
from tests.payments.price_server import NOW, OTHER, TOKEN, PriceServer, running, said, token

SHOP = 7
ETH, ARB, USD = (1, NATIVE_COIN), (42161, NATIVE_COIN), (1, TOKEN)


def currency(place: Place) -> ChainAddress:
    return ChainAddress(chain_id=place[0], address=place[1])


@dataclass
class Memory:
    stored: dict[Place, Fraction] = field(default_factory=dict)
    jumps: list[tuple[Place, Fraction, Fraction]] = field(default_factory=list)
    fails: bool = False

    async def load(self, place: Place) -> Fraction | None:
        if self.fails:
            raise StoreError("no")
        return self.stored.get(place)

    async def accept(self, place: Place, price: Fraction) -> None:
        self.stored[place] = price

    async def tell_jump(self, place: Place, accepted: Fraction, price: Fraction) -> None:
        self.jumps.append((place, accepted, price))


class Market:
    """The rates, and the world around them."""

    def __init__(self, server: PriceServer, source: CoinGecko) -> None:
        self.server = server
        self.memory = Memory()
        self.now = NOW
        self.rates = self.restarted(source)

    def restarted(self, source: CoinGecko) -> MarketRates:
        return MarketRates(
            source,
            self.memory,
            lambda: datetime.fromtimestamp(self.now, UTC),
            most_change=Fraction(20, 100),
            clock=lambda: float(self.now),
        )

    def rate(self, pricing: Place = ETH, chosen: Place = USD) -> object:
        return self.rates.rate(currency(pricing), currency(chosen))

    async def pass_time(self, seconds: int, *, renews: bool = True) -> None:
        self.now += seconds
        if renews:
            self.server.updated_at = str(self.now)
        await self.rates.read_due()


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    server = PriceServer({"ethereum": "3000", token(TOKEN): "0.5"})
    async with running(server), open_http() as http:
        yield Market(server, CoinGecko(http, server.url))


async def test_what_was_not_read_is_unknown_and_then_a_rate(market: Market) -> None:
    assert market.rate() is UNKNOWN
    market.rates.keep(SHOP, [ETH, USD])
    await market.rates.read_due()
    assert market.rate() == Rate(6000, 1)
    assert market.rate(USD, ETH) == Rate(1, 6000)
    assert market.rate(ETH, ARB) is UNKNOWN


async def test_coin_of_another_chain_is_the_coin_and_not_the_platform(market: Market) -> None:
    market.rates.keep(SHOP, [ETH, ARB])
    await market.rates.read_due()
    assert market.rate(ETH, ARB) == Rate(1, 1)
    assert market.server.asked[-1][1]["ids"] == "ethereum"


async def test_prices_are_read_again_after_a_minute_and_platforms_after_a_day(market: Market) -> None:
    market.rates.keep(SHOP, [ETH, USD])
    for _ in range(3):
        await market.rates.read_due()
    assert len(market.server.asked) == 3
    market.server.prices["ethereum"] = "3300"
    await market.pass_time(int(CACHED_S))
    assert market.rate() == Rate(6600, 1)
    assert market.server.paths.count("asset_platforms") == 1
    await market.pass_time(86_400)
    assert market.server.paths.count("asset_platforms") == 2


@pytest.mark.parametrize("off", [-OLDEST_S - 1, OLDEST_S + 1])
async def test_price_that_the_source_has_not_renewed_is_none(market: Market, off: int) -> None:
    market.server.updated_at = str(NOW + off)
    market.rates.keep(SHOP, [ETH, USD])
    await market.rates.read_due()
    assert market.rate() is None
    assert market.memory.stored == {}


async def test_price_gets_too_old_while_the_source_is_away(market: Market) -> None:
    market.rates.keep(SHOP, [ETH, USD])
    await market.rates.read_due()
    market.server.behaviour = lambda path: said("no", 503)
    with pytest.raises(PricesUnavailable):
        await market.pass_time(OLDEST_S, renews=False)
    assert market.rate() == Rate(6000, 1)
    market.now += 1
    assert market.rate() is None


async def test_currency_without_a_price_has_no_rate(market: Market) -> None:
    places = [ETH, USD, (1, OTHER), (5, NATIVE_COIN), (77, NATIVE_COIN), (77, TOKEN)]
    market.rates.keep(SHOP, places)
    await market.rates.read_due()
    assert [market.rate(ETH, one) for one in places[2:]] == [None] * 4
    market.server.prices["ethereum"] = "null"
    await market.pass_time(60)
    assert market.rate() is None


# Jumps


async def test_price_that_jumps_is_none_until_it_has_stayed(market: Market) -> None:
    market.rates.keep(SHOP, [ETH, USD])
    await market.rates.read_due()
    market.server.prices["ethereum"] = "30"
    for _ in range(10):
        await market.pass_time(60)
        assert market.rate() is None
    await market.pass_time(60)
    assert market.rate() == Rate(60, 1)
    assert market.memory.jumps == [(ETH, Fraction(3000), Fraction(30))]
    assert market.memory.stored[ETH] == 30


async def test_price_that_jumps_is_used_at_once_when_a_person_accepts_it(market: Market) -> None:
    market.rates.keep(SHOP, [ETH, USD])
    await market.rates.read_due()
    assert await market.rates.accept(ETH, Fraction(3000)) is None
    market.server.prices["ethereum"] = "3900"
    await market.pass_time(60)
    # Not what was not seen, nor what nobody asked about.
    assert await market.rates.accept(ETH, Fraction(3600)) is None
    assert await market.rates.accept((5, NATIVE_COIN), Fraction(3900)) is None
    assert market.rate() is None
    assert market.memory.stored[ETH] == 3000
    assert await market.rates.accept(ETH, Fraction(3899)) == 3900
    assert market.rate() == Rate(7800, 1)
    assert market.memory.stored[ETH] == 3900
    await market.pass_time(60)
    assert market.rate() == Rate(7800, 1)


async def test_glitch_over_a_restart_is_one(market: Market) -> None:
    market.memory.stored = {ETH: Fraction(3000)}
    market.server.prices["ethereum"] = "300000"
    market.rates.keep(SHOP, [ETH, USD])
    await market.rates.read_due()
    assert market.rate() is None
    assert market.memory.stored[ETH] == 3000
    market.server.prices["ethereum"] = "3010"
    await market.pass_time(60)
    assert market.rate() == Rate(6020, 1)


async def test_without_the_last_price_none_is_believed(market: Market) -> None:
    market.memory.fails = True
    market.rates.keep(SHOP, [ETH, USD])
    await market.rates.read_due()
    assert market.rate() is None
    market.memory.fails = False
    await market.pass_time(60)
    assert market.rate() == Rate(6000, 1)


# What it costs


async def test_shops_that_nobody_uses_cost_nothing(market: Market) -> None:
    market.rates.keep(SHOP, [ETH, USD])
    await market.rates.read_due()
    market.rates.keep(SHOP, [])
    await market.pass_time(60)
    assert len(market.server.asked) == 3
    # What nobody renews is not told for long.
    assert market.rate() is UNKNOWN


async def test_round_has_a_bound_and_the_next_one_goes_on(market: Market) -> None:
    places = [(1, number.to_bytes(20)) for number in range(1, 12 * BATCH)]
    market.rates.keep(SHOP, places)
    assert not await market.rates.read_due()
    assert len(market.server.asked) == 1 + MOST_REQUESTS
    assert await market.rates.read_due()
    assert len(market.server.asked) == 1 + 12
    asked = [one for _, query, _ in market.server.asked[1:] for one in query["contract_addresses"].split(",")]
    assert sorted(asked) == sorted(token(address) for _, address in places)


async def test_what_a_write_waits_for_is_read_first(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_rates, "MOST_CURRENCIES", BATCH)
    market.rates.keep(SHOP, [(1, number.to_bytes(20)) for number in range(1, 5 * BATCH)])
    with market.rates.waiting(ETH, USD):
        await market.rates.read_due()
        assert market.rate() == Rate(6000, 1)
        assert market.server.paths[1:3] == ["simple/price", "simple/token_price/ethereum"]
    assert len(market.server.asked) == 4
    await market.pass_time(60)
    assert market.rate() is UNKNOWN


async def test_chain_whose_prices_fail_keeps_no_other_from_being_read(market: Market) -> None:
    market.server.behaviour = lambda path: said("no", 404) if "token_price" in path else None
    market.rates.keep(SHOP, [USD, ETH, ARB])
    await market.rates.read_due()
    assert market.rate(ETH, ARB) == Rate(1, 1)
    assert market.rate() is UNKNOWN


async def test_it_reads_in_the_background_and_tells_who_waits(market: Market) -> None:
    told = asyncio.Event()
    market.rates.on_change = told.set
    reading = asyncio.create_task(market.rates.run())
    try:
        market.rates.keep(SHOP, [ETH])
        await asyncio.wait_for(told.wait(), 20)
        assert market.rate(ETH, ETH) == Rate(1, 1)
    finally:
        reading.cancel()


async def test_being_called_and_stopped_at_once_is_being_stopped(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_rates, "LEAST_PAUSE_S", 0)
    reading = asyncio.create_task(market.rates.run())
    for _ in range(20):
        await asyncio.sleep(0)
    market.rates.keep(SHOP, [ETH])
    reading.cancel()
    await asyncio.wait_for(asyncio.wait([reading]), 20)
    assert reading.cancelled()


async def test_source_that_fails_is_asked_less_and_less(
    market: Market, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            raise asyncio.CancelledError

    market.server.behaviour = lambda path: said("no", 429, Retry_After="30" if len(pauses) == 1 else "1")
    monkeypatch.setattr(market_rates, "pause", pause)
    market.rates.keep(SHOP, [ETH])
    with pytest.raises(asyncio.CancelledError):
        await market.rates.run()
    assert pauses == [4, 30, 16, 32, 64, 128, 256, 512, 600, 600, 600, 600]
    assert {vars(one)["reason"] for one in caplog.records} == {"HTTP status 429"}


# Rates


@pytest.mark.parametrize(
    ("pricing", "chosen", "rate"),
    [
        (Fraction(3000), Fraction(1), Rate(3000, 1)),
        (Fraction(1, 3), Fraction(2), Rate(1, 6)),
        (Fraction(10**40), Fraction(1, 10**40), None),
        (Fraction(1, 10**40), Fraction(10**40), None),
    ],
)
def test_rate_is_the_quotient_where_a_rate_can_say_it(
    pricing: Fraction, chosen: Fraction, rate: Rate | None
) -> None:
    assert rate_between(pricing, chosen) == rate


def test_rate_of_many_digits_is_as_exact_as_it_can_be() -> None:
    pricing, chosen = Fraction(10**60 + 7, 10**50 + 3), Fraction(3 * 10**50 + 1, 10**45 + 9)
    rate = rate_between(pricing, chosen)
    assert rate is not None
    exact = pricing / chosen
    assert abs(Fraction(rate.numerator, rate.denominator) / exact - 1) < Fraction(1, 10**18)
