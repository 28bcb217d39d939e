"""Sources of facts: one that has no chain, and the tests' own, which others have to be like."""

import asyncio

import pytest

from minirelay.relay.facts_source import NoChains
from minirelay.shop.checkout_facts import UNKNOWN, Fact, Facts, HeadOf, PayeeOf, RateOf, TokenFacts, TokenOf
from minirelay.shop.quote import Rate
from tests.relay.fixed_facts import CHAIN, FixedFacts

COIN, TOKEN = (CHAIN, bytes(20)), (CHAIN, b"\x70" * 20)


async def test_without_a_chain_nothing_is_known_but_the_time() -> None:
    source = NoChains()
    assert source.facts(7) == Facts(7)
    with pytest.raises(RuntimeError):
        await source.warm({HeadOf(1)})


async def test_whoever_waits_for_facts_goes_on_when_all_of_them_are_known() -> None:
    missing: set[Fact] = {HeadOf(CHAIN), TokenOf(TOKEN), PayeeOf(COIN), RateOf(COIN, TOKEN)}
    source = FixedFacts(has_head={CHAIN: False}, rate=UNKNOWN)
    before = source.facts(7)
    waiting = asyncio.create_task(source.warm(missing))
    assert await source.asked_for(1) == missing
    await source.learn(has_head={CHAIN: True}, tokens={TOKEN: TokenFacts(2)}, payees={COIN: True})
    await asyncio.sleep(0)
    assert not waiting.done()
    await source.learn(rate=Rate(1, 2))
    await waiting
    assert (before.chains, before.tokens, before.payees) == ({CHAIN: None}, {}, {})
