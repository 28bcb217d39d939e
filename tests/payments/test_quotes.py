"""What checkout has to know, kept warm: for whom, from where, and in how many requests."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.poll_calls import PollCalls
from minirelay.dev.deployment import Deployment
from minirelay.payments.coingecko import CoinGecko
from minirelay.payments.market_rates import MarketRates
from minirelay.payments.price_memory import StoredPrices
from minirelay.payments.quotes import WARM_PAYEES, WARM_TOKENS, PaymentChain, Quotes
from minirelay.relay.clock import utc_now
from minirelay.relay.facts_source import FactsSource
from minirelay.shop.checkout_facts import (
    UNKNOWN,
    Fact,
    HeadOf,
    PayeeOf,
    RateOf,
    TokenFacts,
    TokenOf,
    place_of,
)
from minirelay.shop.objects import ChainAddress, Manifest, PayeeMetadata
from minirelay.shop.quote import FixedRates, NoRates, Rate
from minirelay.store.database import Store
from tests.chain.chain_values import block
from tests.chain.nodes import CHAIN_ID, Node, running, silent
from tests.dev.contracts.contract_calls import PAYEE
from tests.payments import price_server
from tests.payments.price_server import PriceServer

NATIVE = bytes(20)
SOMEBODY = bytes.fromhex(PAYEE[2:])
PAYMENTS = b"\x11" * 20
OTHER_CHAIN = 1337
RATES = FixedRates(Rate(1500, 1), is_development=True)


def address(number: int) -> bytes:
    return number.to_bytes(20)


def manifest(
    currencies: Iterable[bytes], payees: Iterable[bytes] = (SOMEBODY,), *, chain_id: int = CHAIN_ID
) -> Manifest:
    """Make the manifest of a shop on one chain, with its prices in that chain's coin."""
    return Manifest(
        shop_id=1,
        payees={chain_id: {payee: PayeeMetadata(call_as_contract=False) for payee in payees}},
        accepted_currencies={chain_id: {currency: {} for currency in currencies}},
        pricing_currency=ChainAddress(chain_id=chain_id, address=NATIVE),
    )


def node(chain_id: int = CHAIN_ID) -> Node:
    """Make a node where every token has one decimal and can be moved on, and every payee takes the coin."""
    one = "0x" + "00" * 31 + "01"
    return Node(results={"eth_chainId": hex(chain_id), "eth_call": one})


@asynccontextmanager
async def quotes_over(**nodes: Node) -> AsyncIterator[Quotes]:
    """Run quotes over nodes that run, by the id of their chains."""
    async with running(*nodes.values()), open_http() as http:
        quotes = Quotes(
            [
                PaymentChain(
                    chain=Chain(int(name.removeprefix("of_")), http_endpoints([one.url], http)),
                    payments=PAYMENTS,
                    calls=PollCalls(),
                    is_proven=True,
                )
                for name, one in nodes.items()
            ],
            RATES,
            utc_now,
        )
        async with quotes.running():
            for name, one in nodes.items():
                if one.behaviour is None:
                    quotes.note_head(int(name.removeprefix("of_")), block(5))
            yield quotes


def contracts_asked(one: Node) -> int:
    """Count the contracts that a node was asked about: each in one exchange, with one control."""
    return one.requests - one.asked.count("eth_chainId")


async def test_what_customers_of_a_shop_may_choose_becomes_known(
    chain: Chain, deployment: Deployment
) -> None:
    eddies, payments = (bytes.fromhex(one[2:]) for one in (deployment.eddies, deployment.payments))
    quotes = Quotes(
        [PaymentChain(chain=chain, payments=payments, calls=PollCalls(), is_development=True)], RATES, utc_now
    )
    source: FactsSource = quotes
    async with quotes.running():
        quotes.note_head(CHAIN_ID, block(5))
        source.note_manifest(1, manifest([NATIVE, eddies]))
        coin, token = (CHAIN_ID, NATIVE), (CHAIN_ID, eddies)
        facts: set[Fact] = {
            HeadOf(CHAIN_ID),
            TokenOf(token),
            PayeeOf((CHAIN_ID, SOMEBODY)),
            RateOf(coin, token),
        }
        await source.warm(facts)
        await source.warm(facts)
        known = source.facts(77)
    assert known.now == 77
    assert known.tokens == {token: TokenFacts(2)}
    assert known.payees == {(CHAIN_ID, SOMEBODY): True}
    head = known.chains[CHAIN_ID]
    assert head is not None
    assert head.is_development
    pricing, chosen = (ChainAddress(chain_id=CHAIN_ID, address=one) for one in (NATIVE, eddies))
    assert known.rate(pricing, chosen) == Rate(1500, 1)


async def test_what_a_manifest_names_is_read_before_anybody_chooses_it() -> None:
    one = node()
    async with quotes_over(of_31337=one) as quotes:
        quotes.note_manifest(1, manifest([NATIVE, address(1)]))
        # Waiting for what is read behind it.
        await quotes.warm({HeadOf(CHAIN_ID)})
        quotes.note_manifest(1, manifest([NATIVE, address(1), address(2)]))
        while len(quotes.facts(1).tokens) < 2:
            await quotes.warm({PayeeOf((CHAIN_ID, len(one.asked).to_bytes(20)))})
    assert set(quotes.facts(1).tokens) == {(CHAIN_ID, address(1)), (CHAIN_ID, address(2))}
    assert (CHAIN_ID, SOMEBODY) in quotes.facts(1).payees


async def test_payees_are_asked_only_where_the_coin_is_accepted() -> None:
    one = node()
    async with quotes_over(of_31337=one) as quotes:
        quotes.note_manifest(1, manifest([address(1)], [address(n) for n in range(100, 120)]))
        await quotes.warm({TokenOf((CHAIN_ID, address(1)))})
        await quotes.warm({TokenOf((CHAIN_ID, address(2)))})
    assert contracts_asked(one) == 2


async def test_thousands_of_currencies_and_payees_cost_so_many_requests() -> None:
    one = node()
    last = TokenOf((CHAIN_ID, address(5000)))
    async with quotes_over(of_31337=one) as quotes:
        many = manifest([NATIVE, *map(address, range(1, 5001))], map(address, range(1, 5001)))
        for shop_id in range(3):
            quotes.note_manifest(shop_id, many)
        kept = range(1, WARM_TOKENS + 1), range(1, WARM_PAYEES + 1)
        tokens, payees = ([(CHAIN_ID, address(number)) for number in numbers] for numbers in kept)
        await quotes.warm({*map(TokenOf, tokens), *map(PayeeOf, payees)})
        # What is beyond is read when it is chosen.
        await quotes.warm({last})
    assert contracts_asked(one) == WARM_TOKENS + WARM_PAYEES + 1
    assert len(quotes.facts(1).tokens) == WARM_TOKENS + 1
    assert last.place in quotes.facts(1).tokens


async def test_several_who_wait_for_the_same_cost_one_question() -> None:
    one = node()
    payee: set[Fact] = {PayeeOf((CHAIN_ID, SOMEBODY))}
    async with quotes_over(of_31337=one) as quotes:
        waiting = [asyncio.create_task(quotes.warm(payee)) for _ in range(100)]
        await asyncio.sleep(0)
        for task in waiting[:50]:
            task.cancel()
        await asyncio.gather(*waiting[50:])
    assert contracts_asked(one) == 1


async def test_a_chain_that_hangs_keeps_no_other_waiting() -> None:
    hanging, works = node(), node(OTHER_CHAIN)
    hanging.behaviour = silent
    async with quotes_over(of_31337=hanging, of_1337=works) as quotes:
        missing: set[Fact] = {
            HeadOf(CHAIN_ID),
            PayeeOf((CHAIN_ID, SOMEBODY)),
            TokenOf((CHAIN_ID, address(1))),
        }
        waiting = asyncio.create_task(quotes.warm(missing))
        await quotes.warm({HeadOf(OTHER_CHAIN), PayeeOf((OTHER_CHAIN, SOMEBODY))})
        known = quotes.facts(1)
        assert not waiting.done()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    assert known.chains[CHAIN_ID] is None
    assert known.chains[OTHER_CHAIN] is not None


async def test_a_chain_that_is_not_configured_is_not_asked_for() -> None:
    one = node()
    async with quotes_over(of_31337=one) as quotes:
        quotes.note_manifest(1, manifest([NATIVE, address(1)], chain_id=5))
        await quotes.warm({HeadOf(CHAIN_ID)})
        assert 5 not in quotes.facts(1).chains
    assert contracts_asked(one) == 0


async def test_a_shop_that_left_memory_is_kept_warm_no_more() -> None:
    one = node()
    async with quotes_over(of_31337=one) as quotes:
        quotes.note_manifest(1, manifest([NATIVE, *map(address, range(1, 20))]))
        quotes.forget_shop(1)
        await quotes.warm({TokenOf((CHAIN_ID, address(77)))})
        await quotes.warm({TokenOf((CHAIN_ID, address(78)))})
    assert contracts_asked(one) == 2


@pytest.mark.parametrize("answer", [7, "0x", "0x" + "00" * 10**6, {"a": []}])
async def test_a_node_that_answers_anything_leaves_the_tasks_running(answer: Any) -> None:
    one = node()
    one.results["eth_call"] = answer
    async with quotes_over(of_31337=one) as quotes:
        quotes.note_manifest(1, manifest([NATIVE, address(1)]))
        await quotes.warm({HeadOf(CHAIN_ID)})
        one.results["eth_call"] = node().results["eth_call"]
        await quotes.warm({RateOf((CHAIN_ID, NATIVE), (CHAIN_ID, address(1)))})
        await quotes.warm({PayeeOf((CHAIN_ID, SOMEBODY))})


async def test_no_rates_are_known_to_be_none() -> None:
    quotes = Quotes([], NoRates(), utc_now)
    await quotes.warm({RateOf((1, NATIVE), (1, address(1)))})
    coin, token = (ChainAddress(chain_id=1, address=one) for one in (NATIVE, address(1)))
    assert quotes.facts(1).rate(coin, token) is None


async def test_who_waits_for_a_head_and_which_shop_takes_payments_is_told_to_the_poller() -> None:
    calls = PollCalls()
    async with open_http() as http:
        chain = Chain(CHAIN_ID, http_endpoints([], http))
        quotes = Quotes(
            [PaymentChain(chain=chain, payments=PAYMENTS, calls=calls, is_proven=True)], RATES, utc_now
        )
        waiting = asyncio.create_task(quotes.warm({HeadOf(CHAIN_ID)}))
        await asyncio.sleep(0)
        assert calls.is_needed
        quotes.note_head(CHAIN_ID, block(5))
        await waiting
        assert not calls.is_needed
        quotes.note_manifest(1, manifest([NATIVE]))
        assert calls.is_needed
        quotes.forget_shop(1)
        assert not calls.is_needed
        # Of a chain that is watched for other reasons.
        quotes.note_head(7, block(5))


# Rates of the market


@asynccontextmanager
async def quotes_of_the_market(prices: PriceServer, tmp_path: Path) -> AsyncIterator[Quotes]:
    """Run quotes with one chain of which CoinGecko knows the coin and a token."""
    prices.platforms = [{"id": "here", "chain_identifier": CHAIN_ID, "native_coin_id": "ether"}]
    one = node()
    async with (
        running(one),
        price_server.running(prices),
        open_http() as http,
        await Store.open(tmp_path) as store,
    ):
        source, memory = CoinGecko(http, prices.url), StoredPrices(store, utc_now)
        rates = MarketRates(source, memory, utc_now, most_change=Fraction(1, 5))
        chain = Chain(CHAIN_ID, http_endpoints([one.url], http))
        payable = PaymentChain(chain=chain, payments=PAYMENTS, calls=PollCalls(), is_proven=True)
        quotes = Quotes([payable], rates, utc_now)
        async with quotes.running():
            yield quotes


COIN, TOKEN = (ChainAddress(chain_id=CHAIN_ID, address=one) for one in (NATIVE, price_server.TOKEN))
COIN_TO_TOKEN = RateOf(place_of(COIN), place_of(TOKEN))


def market_prices() -> PriceServer:
    prices = {"ether": "3000", price_server.token(price_server.TOKEN): "0.5"}
    return PriceServer(prices, updated_at=str(int(utc_now().timestamp())))


async def test_prices_of_a_manifests_currencies_are_read_before_anybody_chooses_one(tmp_path: Path) -> None:
    prices, is_asked = market_prices(), asyncio.Event()

    def note(path: str) -> None:
        if "token_price" in path:
            is_asked.set()

    prices.behaviour = note
    async with quotes_of_the_market(prices, tmp_path) as quotes:
        assert quotes.facts(1).rate(COIN, TOKEN) is UNKNOWN
        quotes.note_manifest(1, manifest([NATIVE, price_server.TOKEN]))
        await asyncio.wait_for(is_asked.wait(), 20)
        await asyncio.wait_for(quotes.warm({COIN_TO_TOKEN}), 20)
        assert quotes.facts(1).rate(COIN, TOKEN) == Rate(6000, 1)
        quotes.forget_shop(1)


async def test_rate_that_a_write_waits_for_is_read_and_told(tmp_path: Path) -> None:
    async with quotes_of_the_market(market_prices(), tmp_path) as quotes:
        await asyncio.wait_for(quotes.warm({COIN_TO_TOKEN}), 20)
        assert quotes.facts(1).rate(COIN, TOKEN) == Rate(6000, 1)


async def test_shop_that_is_paid_in_the_currency_of_its_prices_needs_none(tmp_path: Path) -> None:
    prices = market_prices()
    async with quotes_of_the_market(prices, tmp_path) as quotes:
        quotes.note_manifest(1, manifest([NATIVE]))
        # Behind which it would have been read.
        await asyncio.wait_for(quotes.warm({RateOf(place_of(COIN), place_of(COIN))}), 20)
    asked = [query.get("contract_addresses") for _, query, _ in prices.asked]
    assert set(asked) == {None}
