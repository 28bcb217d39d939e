"""A relay whose order 5 is watched on a model of a chain."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from minirelay.payments.accepted_tokens import AcceptedTokens
from minirelay.payments.large_payments import LargeTotal
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.resting_requests import MOST_AWAKE
from minirelay.payments.stray_search import StraySearch
from minirelay.payments.stray_searches import StraySearches
from minirelay.payments.watcher import PaymentWatch
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.shop.order_states import OrderState
from minirelay.shop.state import inventory_key
from minirelay.store.batch import Writable
from minirelay.store.payment_records import Rests
from tests.payments.model_chain import ModelChain
from tests.payments.settling import Settling, settling, settling_again
from tests.relay.fixed_facts import CHAIN
from tests.relay.selling import CAP, write
from tests.relay.test_audit import audited
from tests.shop.checkouts import choose
from tests.shop.patching import INVENTORY, NATIVE, value_of

ELSEWHERE = CHAIN + 7
"""Another chain of the relay."""


@dataclass
class Watching:
    """A relay whose order 5 is watched on a model of a chain."""

    shop: Settling
    chain: ModelChain
    watch: PaymentWatch
    searches: StraySearches
    elsewhere: ModelChain

    async def poll(self, times: int = 1) -> None:
        for _ in range(times):
            await self.chain.poll(self.watch)
            await self.search()

    async def search(self) -> None:
        """Poll both chains once for money that was not asked for."""
        await self.chain.search(self.search_of(CHAIN))
        if not self.elsewhere.is_unreachable:
            await self.elsewhere.search(self.search_of(ELSEWHERE))

    def search_of(self, chain_id: int) -> StraySearch:
        found = self.searches.of_chain(chain_id)
        assert found is not None
        return found

    async def settle(self) -> None:
        """Poll until what happened is deep."""
        for _ in range(self.chain.confirmations + 1):
            self.chain.mine()
            await self.poll()

    async def request(self, which: int = -1, order: int = 5) -> IssuedRequest:
        return await self.shop.request(order, which)

    async def order(self, order: int = 5) -> OrderState:
        return OrderState((await self.shop.order(order))["State"])

    async def stock(self) -> int:
        found: int = value_of((await self.shop.head()).state, INVENTORY, inventory_key(CAP))
        return found

    async def told(self) -> list[str]:
        return [kind for kind, _, _ in await self.shop.alerts()]

    async def open_alerts(self) -> list[str]:
        """Kinds of the alerts that a person has to see to."""
        found = await self.shop.rows("SELECT kind FROM alert WHERE acknowledged_at IS NULL ORDER BY id")
        return [kind for (kind,) in found]

    async def state(self, which: int = -1, order: int = 5) -> str:
        return (await self.request(which, order)).state.value


def watch_of(
    shop: Settling,
    chain: ModelChain,
    large: Mapping[bytes, LargeTotal] | None = None,
    most_awake: int = MOST_AWAKE,
    elsewhere: ModelChain | None = None,
) -> Watching:
    searches = searches_of(shop, chain)
    watch = PaymentWatch(
        CHAIN,
        chain.target,
        shop.terms,
        shop.house.relay.write_own,
        clock=lambda: chain.time,
        large=large,
        store=shop.house.store.reader,
        most_awake=most_awake,
        search=searches.begin,
    )
    shop.house.relay.follow_checkout(PaymentWatches([watch]))
    return Watching(shop, chain, watch, searches, ModelChain(chain.time) if elsewhere is None else elsewhere)


def searches_of(shop: Settling, chain: ModelChain, disk: Callable[[], None] = lambda: None) -> StraySearches:
    """Make the searches of both chains. disk: is asked before anything is stored; it may raise."""
    store, accepted = shop.house.store, AcceptedTokens(shop.house.relay.write_own)

    async def commit(rows: Writable) -> None:
        disk()
        await store.writer.commit(rows)

    return StraySearches(
        [
            StraySearch(
                chain_id,
                accepted,
                {CHAIN: chain.target},
                store.reader,
                shop.terms.alerts,
                commit,
                lambda: chain.time,
            )
            for chain_id in (CHAIN, ELSEWHERE)
        ]
    )


@asynccontextmanager
async def watching(
    directory: Path,
    *,
    confirmations: int = 1,
    coin: bytes | None = NATIVE,
    tolerance: int = 0,
    large: Mapping[bytes, LargeTotal] | None = None,
    most_awake: int = MOST_AWAKE,
) -> AsyncIterator[Watching]:
    """Run a relay with an order that waits for coins, or for a token (coin None). Then its log is audited."""
    async with settling(directory, tolerance=tolerance) as shop:
        issued = await shop.request()
        chain = ModelChain(issued.issued_at, confirmations)
        for _ in range(3):
            chain.mine()
        one = watch_of(shop, chain, large, most_awake)
        one.watch.load(await shop.house.store.reader.watched_requests(Rests(CHAIN)), (), 0)
        if coin is not None:
            await write(shop.guest, choose(5, coin))
        await one.poll()
        yield one
    await audited(directory)


@asynccontextmanager
async def watching_again(
    directory: Path, chain: ModelChain, elsewhere: ModelChain | None = None
) -> AsyncIterator[Watching]:
    """Run that relay again; the chain has gone on meanwhile. What was not deep is in no memory."""
    async with settling_again(directory) as shop:
        again = watch_of(shop, chain, elsewhere=elsewhere)
        watches = PaymentWatches([again.watch])
        shop.house.relay.follow_checkout(watches)
        await watches.load(shop.house.store.reader)
        await again.searches.load()
        yield again
