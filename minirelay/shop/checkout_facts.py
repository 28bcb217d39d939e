"""What checkout has to know from outside: the clock, chains, tokens, rates (spec 06 "Payment choice", 07).

It is kept warm in the background. What is not known yet makes one write wait beside the queue.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final

import msgspec

from minirelay.errors import MinirelayError
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.issued_requests import Place
from minirelay.shop.objects import ChainAddress
from minirelay.shop.quote import Rate


class Unknown(Enum):
    """Not known yet: other than "there is none"."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class ChainHead(msgspec.Struct, frozen=True):
    """The newest block of a chain; times in epoch seconds. read_at: by the relay's clock."""

    number: int
    timestamp: int
    read_at: int
    is_development: bool = False


class TokenFacts(msgspec.Struct, frozen=True):
    """What a token said. decimals: None if it gave no number. is_payable: to an address, as far as known."""

    decimals: int | None
    is_payable: bool = True


def no_rate_known(_pricing: ChainAddress, _chosen: ChainAddress) -> Unknown:
    """Return no rate at all."""
    return UNKNOWN


class Facts(msgspec.Struct, frozen=True):
    """What is known at one moment. What is missing in a map is not known yet.

    now: by the relay's clock, epoch seconds. chains: those that are configured, None where no head was read.
    tokens: the native coins have no entry. payees: whether they take the native coin with 2,300 gas. rate:
    from the pricing currency to the chosen one, None if there is none.
    """

    now: int
    chains: Mapping[int, ChainHead | None] = {}
    tokens: Mapping[Place, TokenFacts] = {}
    payees: Mapping[Place, bool] = {}
    rate: Callable[[ChainAddress, ChainAddress], Rate | Unknown | None] = no_rate_known


class HeadOf(msgspec.Struct, frozen=True):
    """The head of a chain."""

    chain_id: int


class TokenOf(msgspec.Struct, frozen=True):
    """Decimals and probes of a token."""

    place: Place


class PayeeOf(msgspec.Struct, frozen=True):
    """Whether a payee takes the native coin."""

    place: Place


class RateOf(msgspec.Struct, frozen=True):
    """What the pricing currency is worth in the chosen one."""

    pricing: Place
    chosen: Place


Fact = HeadOf | TokenOf | PayeeOf | RateOf


class FactsMissing(MinirelayError):
    """A set can't be judged before these facts are known. facts: at least one."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        """Name what is missing."""
        self.facts = frozenset(facts)
        super().__init__(f"not known yet: {', '.join(sorted(map(repr, self.facts)))}")


def missing_facts(facts: Facts, payee: Place, currency: ChainAddress, pricing: ChainAddress) -> set[Fact]:
    """List everything that a payment choice needs and that is not known yet.

    currency: the chosen one, on the payee's chain, which is configured.
    """
    missing: set[Fact] = set()
    if facts.chains.get(payee[0]) is None:
        missing.add(HeadOf(payee[0]))
    if currency.address == NATIVE_COIN and payee not in facts.payees:
        missing.add(PayeeOf(payee))
    tokens = [currency] if pricing == currency else [currency, pricing]
    for token in tokens:
        place = place_of(token)
        if token.address != NATIVE_COIN and token.chain_id in facts.chains and place not in facts.tokens:
            missing.add(TokenOf(place))
    if pricing != currency and facts.rate(pricing, currency) is UNKNOWN:
        missing.add(RateOf(place_of(pricing), place_of(currency)))
    return missing


def place_of(currency: ChainAddress) -> Place:
    """Return a currency, or a payee's address, as a key."""
    return currency.chain_id, currency.address
