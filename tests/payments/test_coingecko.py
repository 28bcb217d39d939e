"""CoinGecko as it answers, and as it fails."""

from collections.abc import AsyncIterator
from fractions import Fraction

import pytest
from aiohttp import web

from minirelay.chain.endpoint import open_http
from minirelay.config.urls import EndpointUrl
from minirelay.errors import PricesUnavailable
from minirelay.payments import coingecko
from minirelay.payments.coingecko import CoinGecko, Platform, ReadPrice
from tests.payments.price_server import NOW, OTHER, TOKEN, PriceServer, running, said, token


@pytest.fixture
async def server() -> AsyncIterator[PriceServer]:
    async with running(PriceServer()) as one:
        yield one


@pytest.fixture
async def source(server: PriceServer) -> AsyncIterator[CoinGecko]:
    async with open_http() as http:
        yield CoinGecko(http, server.url)


async def test_platforms_come_by_chain_id_with_the_id_of_their_coin(source: CoinGecko) -> None:
    platforms = await source.platforms()
    assert platforms[42161] == Platform(42161, "arbitrum-one", "ethereum")
    assert platforms[5].native_coin_id is None
    assert sorted(platforms) == [1, 5, 137, 42161]


async def test_what_could_change_the_url_is_no_id(source: CoinGecko, server: PriceServer) -> None:
    server.platforms = [
        {"id": "../simple?x=", "chain_identifier": 1, "native_coin_id": "a"},
        {"id": "fine", "chain_identifier": 2, "native_coin_id": "a,b&c"},
        {"id": 5, "chain_identifier": 3},
        {"chain_identifier": 4},
        {"id": "x", "chain_identifier": "9"},
    ]
    assert await source.platforms() == {2: Platform(2, "fine", None)}


async def test_coins_are_priced_to_the_last_digit(source: CoinGecko, server: PriceServer) -> None:
    server.prices = {"ethereum": "3001.123456789012345678901", "polygon-ecosystem": "2.1e-1"}
    found = await source.coin_prices(["ethereum", "polygon-ecosystem", "unknown"])
    assert found == {
        "ethereum": ReadPrice(Fraction(3001123456789012345678901, 10**21), NOW),
        "polygon-ecosystem": ReadPrice(Fraction(21, 100), NOW),
    }
    _, query, headers = server.asked[0]
    assert query == {
        "ids": "ethereum,polygon-ecosystem,unknown",
        "vs_currencies": "usd",
        "include_last_updated_at": "true",
        "precision": "full",
    }
    assert "x-cg-demo-api-key" not in headers


async def test_tokens_are_priced_by_their_contract(source: CoinGecko, server: PriceServer) -> None:
    server.prices = {token(TOKEN): "0.9998"}
    found = await source.token_prices("ethereum", [TOKEN, OTHER])
    assert found == {TOKEN: ReadPrice(Fraction(9998, 10_000), NOW)}
    assert server.paths == ["simple/token_price/ethereum"]


async def test_key_is_a_header(server: PriceServer) -> None:
    async with open_http() as http:
        await CoinGecko(http, server.url, "CG-secret").platforms()
    assert server.asked[0][2]["x-cg-demo-api-key"] == "CG-secret"


@pytest.mark.parametrize("text", ["null", "0", "-5", "1e999", "1e-999", '"3000"', "true", "{}", "[1]"])
async def test_what_is_no_price_is_none(source: CoinGecko, server: PriceServer, text: str) -> None:
    server.prices = {"ethereum": text}
    assert (await source.coin_prices(["ethereum"]))["ethereum"].price is None


@pytest.mark.parametrize("text", ["null", "-1", "1.5", '"1800000000"', "1e9", "9" * 40])
async def test_time_that_is_none_is_long_ago(source: CoinGecko, server: PriceServer, text: str) -> None:
    server.prices, server.updated_at = {"ethereum": "1"}, text
    assert (await source.coin_prices(["ethereum"]))["ethereum"].updated_at == 0


async def test_answer_without_fields_has_no_price(source: CoinGecko, server: PriceServer) -> None:
    server.behaviour = lambda path: said('{"ethereum":{}}')
    assert await source.coin_prices(["ethereum"]) == {"ethereum": ReadPrice(None, 0)}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said("<html>Access denied</html>"), "can't be used"),
        (said("<html>", 403), "HTTP status 403"),
        (said("{}", 500), "HTTP status 500"),
        (said("[]"), "can't be used"),
        (said('{"ethereum":5}'), "can't be used"),
        (said('{"ethereum":{"usd":NaN}}'), "can't be used"),
        (said('{"ethereum":{"usd":1}'), "can't be used"),
        (said("[" * 100_000), "can't be used"),
        (web.Response(status=302, headers={"Location": "https://elsewhere.example"}), "HTTP status 302"),
    ],
    ids=lambda one: "" if isinstance(one, str) else str(one.status),
)
async def test_what_can_not_be_used_is_a_failure(
    source: CoinGecko, server: PriceServer, answer: web.Response, words: str
) -> None:
    server.behaviour = lambda path: answer
    with pytest.raises(PricesUnavailable, match=words):
        await source.coin_prices(["ethereum"])


async def test_rate_limit_says_how_long(source: CoinGecko, server: PriceServer) -> None:
    server.behaviour = lambda path: said("{}", 429, Retry_After="42")
    with pytest.raises(PricesUnavailable, match="429") as caught:
        await source.coin_prices(["ethereum"])
    assert caught.value.retry_after_s == 42


async def test_long_answer_is_not_read_to_its_end(
    source: CoinGecko, server: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coingecko, "MOST_BYTES", 1000)
    server.behaviour = lambda path: said(" " * 2000)
    with pytest.raises(PricesUnavailable, match="longer than 1000"):
        await source.coin_prices(["ethereum"])


async def test_source_that_is_not_there_is_a_failure() -> None:
    async with open_http() as http:
        with pytest.raises(PricesUnavailable, match="connection failed"):
            await CoinGecko(http, EndpointUrl("http://127.0.0.1:1")).platforms()


async def test_plain_http_does_not_leave_the_private_network() -> None:
    async with open_http() as http:
        with pytest.raises(PricesUnavailable):
            await CoinGecko(http, EndpointUrl("http://192.0.2.1/api")).platforms()
