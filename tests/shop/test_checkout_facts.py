"""What checkout has to know from outside, and what of it is missing."""

import pytest

from minirelay.shop.checkout_facts import (
    ChainHead,
    Facts,
    FactsMissing,
    HeadOf,
    PayeeOf,
    RateOf,
    TokenFacts,
    TokenOf,
    missing_facts,
)
from minirelay.shop.objects import ChainAddress
from minirelay.shop.quote import Rate
from tests.shop.patching import NATIVE, PAYEE, TOKEN

CHAIN = 1337
COIN = ChainAddress(chain_id=CHAIN, address=NATIVE)
MONEY = ChainAddress(chain_id=CHAIN, address=TOKEN)
ELSEWHERE = ChainAddress(chain_id=5, address=TOKEN)


def test_everything_that_a_choice_needs_is_named_at_once() -> None:
    facts = Facts(now=1, chains={CHAIN: None})

    assert missing_facts(facts, (CHAIN, PAYEE), COIN, MONEY) == {
        HeadOf(CHAIN),
        PayeeOf((CHAIN, PAYEE)),
        TokenOf((CHAIN, TOKEN)),
        RateOf((CHAIN, TOKEN), (CHAIN, NATIVE)),
    }


def test_what_is_known_to_be_none_is_not_missing() -> None:
    head = ChainHead(1, 1, 1)
    facts = Facts(
        now=1,
        chains={CHAIN: head},
        tokens={(CHAIN, TOKEN): TokenFacts(None)},
        payees={(CHAIN, PAYEE): False},
        rate=lambda _pricing, _chosen: None,
    )

    assert missing_facts(facts, (CHAIN, PAYEE), COIN, MONEY) == set()


def test_the_pricing_currency_itself_needs_no_rate_and_no_other_token() -> None:
    facts = Facts(now=1, chains={CHAIN: ChainHead(1, 1, 1)})

    assert missing_facts(facts, (CHAIN, PAYEE), MONEY, MONEY) == {TokenOf((CHAIN, TOKEN))}


def test_a_token_of_a_chain_that_is_not_configured_is_never_waited_for() -> None:
    facts = Facts(
        now=1,
        chains={CHAIN: ChainHead(1, 1, 1)},
        payees={(CHAIN, PAYEE): True},
        rate=lambda _a, _b: Rate(1, 1),
    )

    assert missing_facts(facts, (CHAIN, PAYEE), COIN, ELSEWHERE) == set()


def test_the_error_names_what_is_missing() -> None:
    with pytest.raises(FactsMissing, match="HeadOf") as caught:
        raise FactsMissing([HeadOf(CHAIN), HeadOf(CHAIN)])

    assert caught.value.facts == {HeadOf(CHAIN)}
