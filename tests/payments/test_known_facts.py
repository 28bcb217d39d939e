"""What is known: maps that never change, and who waits for more."""

import asyncio

from minirelay.payments.known_facts import KnownFacts
from minirelay.shop.checkout_facts import (
    UNKNOWN,
    ChainHead,
    Facts,
    HeadOf,
    PayeeOf,
    RateOf,
    TokenFacts,
    TokenOf,
    Unknown,
)
from minirelay.shop.objects import ChainAddress
from minirelay.shop.quote import FixedRates, NoRates, Rate

PLACE = (1, b"\x01" * 20)
OTHER = (1, b"\x02" * 20)
HEAD = ChainHead(7, 8, 9)


class NotYet:
    """A source that has not been read."""

    def rate(self, _pricing: ChainAddress, _chosen: ChainAddress, /) -> Rate | Unknown | None:
        return UNKNOWN


def test_what_was_returned_never_changes() -> None:
    known = KnownFacts([1], NoRates())
    before = known.facts(3)
    known.learn_head(1, HEAD)
    known.learn_token(PLACE, TokenFacts(2))
    known.learn_payee(PLACE, False)
    after = known.facts(4)
    known.forget(TokenOf(PLACE))
    known.forget(PayeeOf(PLACE))
    assert (before.now, before.chains, before.tokens, before.payees) == (3, {1: None}, {}, {})
    assert (after.chains, after.tokens, after.payees) == (
        {1: HEAD},
        {PLACE: TokenFacts(2)},
        {PLACE: False},
    )
    assert not known.facts(5).tokens
    assert not known.facts(5).payees


def test_a_rate_that_is_none_is_known() -> None:
    rate = RateOf(PLACE, OTHER)
    assert KnownFacts([1], NoRates()).has(rate)
    assert not KnownFacts([1], NotYet()).has(rate)
    facts: Facts = KnownFacts([1], FixedRates(Rate(2, 3), is_development=False)).facts(1)
    first, second = (ChainAddress(chain_id=one[0], address=one[1]) for one in (PLACE, OTHER))
    assert facts.rate(first, second) == Rate(2, 3)


async def test_all_who_wait_for_a_fact_go_on_when_it_is_known() -> None:
    known = KnownFacts([1], NoRates())
    waiting = [
        asyncio.create_task(known.wait_for(fact)) for fact in (HeadOf(1), PayeeOf(PLACE), PayeeOf(PLACE))
    ]
    impatient = asyncio.create_task(known.wait_for(PayeeOf(PLACE)))
    await asyncio.sleep(0)
    impatient.cancel()
    known.learn_payee(OTHER, True)
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    known.learn_head(1, HEAD)
    known.learn_payee(PLACE, False)
    await asyncio.gather(*waiting)


async def test_nothing_is_left_of_those_who_gave_up() -> None:
    known = KnownFacts([1], NoRates())
    waiting = [asyncio.create_task(known.wait_for(TokenOf((1, bytes([number]))))) for number in range(9)]
    await asyncio.sleep(0)
    assert known.awaited == 9
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert known.awaited == 0
