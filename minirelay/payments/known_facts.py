"""What is known of chains, as maps that never change: what is learnt makes another map."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from minirelay.shop.checkout_facts import (
    UNKNOWN,
    ChainHead,
    Fact,
    Facts,
    HeadOf,
    PayeeOf,
    RateOf,
    TokenFacts,
    TokenOf,
    Unknown,
)
from minirelay.shop.issued_requests import Place
from minirelay.shop.objects import ChainAddress
from minirelay.shop.quote import Rate


class Rates(Protocol):
    """A source of rates, from memory."""

    def rate(self, pricing: ChainAddress, chosen: ChainAddress, /) -> Rate | Unknown | None:
        """Return the rate from one currency to another; None if there is none."""


class KnownFacts:
    """Everything that is known now, and who waits for more."""

    def __init__(self, chain_ids: Iterable[int], rates: Rates) -> None:
        """chain_ids: of the chains that can be paid on."""
        self._heads: Mapping[int, ChainHead | None] = dict.fromkeys(chain_ids)
        self._tokens: Mapping[Place, TokenFacts] = {}
        self._payees: Mapping[Place, bool] = {}
        self._rates = rates
        self._awaited: dict[Fact, set[asyncio.Future[None]]] = {}

    def facts(self, now: int) -> Facts:
        """Return all of it; from any thread. now: epoch seconds."""
        return Facts(now, self._heads, self._tokens, self._payees, self._rates.rate)

    def token(self, place: Place) -> TokenFacts | None:
        """Return what is known of a token."""
        return self._tokens.get(place)

    def learn_head(self, chain_id: int, head: ChainHead) -> None:
        """Enter the newest head of a chain."""
        self._heads = {**self._heads, chain_id: head}
        self._tell(HeadOf(chain_id))

    def learn_token(self, place: Place, token: TokenFacts) -> None:
        """Enter what a token said."""
        self._tokens = {**self._tokens, place: token}
        self._tell(TokenOf(place))

    def learn_payee(self, place: Place, takes_coin: bool) -> None:
        """Enter whether a payee takes its chain's coin."""
        self._payees = {**self._payees, place: takes_coin}
        self._tell(PayeeOf(place))

    def learn_rates(self) -> None:
        """Take note that the source of rates knows something new."""
        for fact in [one for one in self._awaited if isinstance(one, RateOf)]:
            self._tell(fact)

    def forget(self, fact: TokenOf | PayeeOf) -> None:
        """Forget what is not kept warm: it is read when it is chosen."""
        if isinstance(fact, TokenOf):
            self._tokens = {place: one for place, one in self._tokens.items() if place != fact.place}
        else:
            self._payees = {place: one for place, one in self._payees.items() if place != fact.place}

    def has(self, fact: Fact) -> bool:
        """Return whether a fact is known."""
        match fact:
            case HeadOf(chain_id):
                return self._heads.get(chain_id) is not None
            case TokenOf(place):
                return place in self._tokens
            case PayeeOf(place):
                return place in self._payees
            case RateOf(pricing, chosen):
                return self._rates.rate(_currency(pricing), _currency(chosen)) is not UNKNOWN

    @property
    def awaited(self) -> int:
        """How many facts somebody waits for."""
        return len(self._awaited)

    async def wait_for(self, fact: Fact) -> None:
        """Wait until a fact is known."""
        while not self.has(fact):
            told = asyncio.get_running_loop().create_future()
            waiting = self._awaited.setdefault(fact, set())
            waiting.add(told)
            try:
                await told
            finally:
                waiting.discard(told)
                if not waiting and self._awaited.get(fact) is waiting:
                    del self._awaited[fact]

    def _tell(self, fact: Fact) -> None:
        for told in self._awaited.pop(fact, ()):
            if not told.done():
                told.set_result(None)


def _currency(place: Place) -> ChainAddress:
    return ChainAddress(chain_id=place[0], address=place[1])
