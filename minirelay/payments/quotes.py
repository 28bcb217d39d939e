"""What checkout has to know, kept warm in the background (spec 07, the end of "Prices").

The relay reads it from memory. Each chain has tasks of its own, so that one that hangs delays no other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from minirelay.chain.block import Block
from minirelay.chain.chain import Chain
from minirelay.chain.poll_calls import PollCalls
from minirelay.event_loop import end_tasks
from minirelay.payments.chain_reader import ChainReader
from minirelay.payments.contract_proof import until_proven
from minirelay.payments.decimals_memory import DecimalsMemory
from minirelay.payments.heads import Heads
from minirelay.payments.known_facts import KnownFacts, Rates
from minirelay.payments.market_rates import MarketRates
from minirelay.payments.read_schedule import ContractFact, Wanted
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.checkout_facts import Fact, Facts, HeadOf, PayeeOf, RateOf, TokenOf, place_of
from minirelay.shop.issued_requests import Place
from minirelay.shop.objects import Manifest

WARM_TOKENS: Final = 32
WARM_PAYEES: Final = 32
"""What is kept warm for a shop on each chain; beyond it tokens and payees are read when they are chosen."""


class PaymentChain(msgspec.Struct, frozen=True, kw_only=True):
    """A chain that can be paid on. payments: address of the contract, 20 bytes. calls: for its poller.

    is_proven: the contract is known to be one; otherwise that is found out before any head is told.
    """

    chain: Chain
    payments: bytes
    calls: PollCalls
    is_proven: bool = False
    is_development: bool = False
    allows_unsweepable: bool = False


class _Watch(msgspec.Struct, frozen=True):
    """What runs for one chain."""

    chain: PaymentChain
    heads: Heads
    reader: ChainReader

    async def prove(self) -> None:
        """Prove the contract; until then nothing can be paid on the chain."""
        if not self.chain.is_proven:
            await until_proven(self.chain.chain, self.chain.payments)
            self.heads.prove()


class Quotes:
    """Knows heads, tokens, payees and rates: the `FactsSource` of a relay whose customers can pay.

    market: where rates come from, if they are those of the market.
    """

    def __init__(
        self,
        chains: Sequence[PaymentChain],
        rates: Rates,
        now: Callable[[], datetime],
        memory: DecimalsMemory | None = None,
    ) -> None:
        """rates: from memory. now: the relay's clock, aware. memory: of tokens' decimals."""
        self._known = KnownFacts([one.chain.chain_id for one in chains], rates)
        self.market = rates if isinstance(rates, MarketRates) else None
        if self.market is not None:
            self.market.on_change = self._known.learn_rates
        self._watches = {one.chain.chain_id: _watch(one, self._known, now, memory) for one in chains}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read in the background while the block runs."""
        tasks = [
            asyncio.create_task(run())
            for watch in self._watches.values()
            for run in (watch.prove, watch.reader.run)
        ]
        if self.market is not None:
            tasks.append(asyncio.create_task(self.market.run()))
        try:
            yield
        finally:
            await end_tasks(*tasks)

    def note_head(self, chain_id: int, head: Block) -> None:
        """Take note of a head that was read now, of a chain that can be paid on or not."""
        watch = self._watches.get(chain_id)
        if watch is not None:
            watch.heads.note(head)

    def facts(self, now: int) -> Facts:
        """Return what is known, from any thread. now: by the relay's clock, epoch seconds."""
        return self._known.facts(now)

    def note_manifest(self, shop_id: int, manifest: Manifest) -> None:
        """Keep warm, from now on, what the customers of a shop may choose; what is new in it, at once."""
        for chain_id, watch in self._watches.items():
            watch.reader.keep(shop_id, _wanted(manifest, chain_id))
            watch.chain.calls.need(watch.reader.is_needed)
        if self.market is not None:
            self.market.keep(shop_id, _priced(manifest, self._watches))

    def forget_shop(self, shop_id: int) -> None:
        """Take note that a shop left memory."""
        for watch in self._watches.values():
            watch.reader.keep(shop_id, Wanted())
            watch.chain.calls.need(watch.reader.is_needed)
        if self.market is not None:
            self.market.keep(shop_id, ())

    async def warm(self, missing: Set[Fact]) -> None:
        """Get what is missing; return once all of it is known. It may be cancelled."""
        unknown = [fact for fact in missing if not self._known.has(fact)]
        with ExitStack() as waiting:
            for fact in unknown:
                waiting.enter_context(self._waiting(fact))
            for fact in unknown:
                await self._known.wait_for(fact)

    @contextmanager
    def _waiting(self, fact: Fact) -> Iterator[None]:
        watch = self._watches.get(_chain_of(fact))
        if isinstance(fact, RateOf):
            if self.market is None:
                yield
                return
            with self.market.waiting(fact.pricing, fact.chosen):
                yield
        elif watch is None:
            yield
        elif isinstance(fact, HeadOf):
            watch.chain.calls.begin_waiting()
            try:
                yield
            finally:
                watch.chain.calls.end_waiting()
        else:
            watch.reader.begin_waiting(fact)
            try:
                yield
            finally:
                watch.reader.end_waiting(fact)


def _watch(
    one: PaymentChain, known: KnownFacts, now: Callable[[], datetime], memory: DecimalsMemory | None
) -> _Watch:
    heads = Heads(
        one.chain.chain_id,
        known.learn_head,
        now,
        is_development=one.is_development,
        is_proven=one.is_proven,
    )
    reader = ChainReader(
        one.chain,
        known,
        payments=one.payments,
        allows_unsweepable=one.allows_unsweepable,
        memory=memory,
    )
    return _Watch(one, heads, reader)


def _chain_of(fact: Fact) -> int:
    match fact:
        case HeadOf(chain_id):
            return chain_id
        case RateOf(pricing, _):
            return pricing[0]
        case TokenOf((chain_id, _)) | PayeeOf((chain_id, _)):
            return chain_id


def _wanted(manifest: Manifest, chain_id: int) -> Wanted:
    """Return what is to be known on one chain, so that customers of a shop can choose."""
    currencies: Mapping[bytes, object] = manifest.accepted_currencies.get(chain_id, {})
    payees = manifest.payees.get(chain_id, {})
    tokens: list[ContractFact] = [TokenOf((chain_id, one)) for one in _first_tokens(currencies)]
    pricing = manifest.pricing_currency
    if pricing.chain_id == chain_id and pricing.address != NATIVE_COIN:
        tokens.append(TokenOf(place_of(pricing)))
    paid = islice(payees, WARM_PAYEES) if NATIVE_COIN in currencies else ()
    # Each once, in this order.
    facts = dict.fromkeys([*tokens, *(PayeeOf((chain_id, payee)) for payee in paid)])
    return Wanted(tuple(facts), next(iter(payees), None))


def _priced(manifest: Manifest, chain_ids: Iterable[int]) -> list[Place]:
    """List the currencies of which prices are needed: none, if all is paid in what prices are in."""
    pricing = place_of(manifest.pricing_currency)
    accepted = [
        (chain_id, currency)
        for chain_id in chain_ids
        for currency in islice(manifest.accepted_currencies.get(chain_id, {}), WARM_TOKENS)
    ]
    return [] if set(accepted) <= {pricing} else [pricing, *accepted]


def _first_tokens(currencies: Iterable[bytes]) -> Iterable[bytes]:
    return islice((one for one in currencies if one != NATIVE_COIN), WARM_TOKENS)
