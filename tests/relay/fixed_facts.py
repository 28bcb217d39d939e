"""Facts that a test lays down, for relays that have no chain to ask."""

import asyncio
from collections.abc import Set
from dataclasses import dataclass, field

from minirelay.relay.facts_source import FactsSource
from minirelay.shop.checkout_facts import (
    UNKNOWN,
    ChainHead,
    Fact,
    Facts,
    HeadOf,
    PayeeOf,
    TokenFacts,
    TokenOf,
    Unknown,
)
from minirelay.shop.issued_requests import Place
from minirelay.shop.objects import Manifest
from minirelay.shop.quote import Rate

CHAIN = 1337
HEAD_AGE_S = 1
FACTOR = Rate(1, 1500)


@dataclass
class FixedFacts(FactsSource):
    """Knows what is in its fields, and nothing else; `learn` waits for whoever changes them.

    has_head: configured chains, and whether their head was read (it is a second old, whatever the time).
    rate: for any two currencies. asked: what was waited for, once each time.
    """

    has_head: dict[int, bool] = field(default_factory=lambda: {CHAIN: True})
    tokens: dict[Place, TokenFacts] = field(default_factory=dict)
    payees: dict[Place, bool] = field(default_factory=dict)
    rate: Rate | Unknown | None = FACTOR
    asked: list[frozenset[Fact]] = field(default_factory=list)
    manifests: dict[int, Manifest] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def facts(self, now: int) -> Facts:
        rate = self.rate
        head = ChainHead(1, now - HEAD_AGE_S, now - HEAD_AGE_S)
        return Facts(
            now=now,
            chains={chain_id: head if is_read else None for chain_id, is_read in self.has_head.items()},
            tokens=dict(self.tokens),
            payees=dict(self.payees),
            rate=lambda _pricing, _chosen: rate,
        )

    def note_manifest(self, shop_id: int, manifest: Manifest) -> None:
        self.manifests[shop_id] = manifest

    def forget_shop(self, shop_id: int) -> None:
        self.manifests.pop(shop_id, None)

    async def warm(self, missing: Set[Fact]) -> None:
        self.asked.append(frozenset(missing))
        async with self._changed:
            self._changed.notify_all()
            await self._changed.wait_for(lambda: all(map(self._knows, missing)))

    async def asked_for(self, times: int) -> frozenset[Fact]:
        """Wait until something was waited for so many times; give what it was the last time."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= times)
        return self.asked[times - 1]

    async def learn(
        self,
        *,
        has_head: dict[int, bool] | None = None,
        tokens: dict[Place, TokenFacts] | None = None,
        payees: dict[Place, bool] | None = None,
        rate: Rate | Unknown | None = UNKNOWN,
    ) -> None:
        """Know more, or otherwise; let go on who waits for it."""
        self.has_head |= has_head or {}
        self.tokens |= tokens or {}
        self.payees |= payees or {}
        if rate is not UNKNOWN:
            self.rate = rate
        async with self._changed:
            self._changed.notify_all()

    def _knows(self, fact: Fact) -> bool:
        match fact:
            case HeadOf(chain_id):
                return self.has_head.get(chain_id, False)
            case TokenOf(place):
                return place in self.tokens
            case PayeeOf(place):
                return place in self.payees
        return self.rate is not UNKNOWN
