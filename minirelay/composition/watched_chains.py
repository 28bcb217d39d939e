"""The chains that are watched, who is told what is found there, and how far each is read."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.findings import Watch
from minirelay.chain.shop_registry import ShopReg
from minirelay.config.settings import Settings
from minirelay.mirror.accounts import SETTLES_S, AccountsMirror
from minirelay.payments.chain_memory import ChainMemory
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.polling import PolledChain, Polling
from minirelay.payments.quotes import Quotes
from minirelay.payments.stray_payments import StrayPayments
from minirelay.relay.clock import utc_now
from minirelay.relay.relay import Relay
from minirelay.store.batch import Writable
from minirelay.store.database import Store
from minirelay.web.ready import ChainReadiness


@asynccontextmanager
async def open_chains(settings: Settings, payment_chains: Sequence[int]) -> AsyncIterator[list[PolledChain]]:
    """Open the chains to watch, with connections that strangers' enrolments don't use."""
    async with AsyncExitStack() as parts:
        chains = []
        for chain_id in sorted({settings.registry_chain, *payment_chains}):
            one = settings.chain(chain_id)
            http = await parts.enter_async_context(open_http())
            endpoints = http_endpoints(one.rpc_urls, http, allows_plain=one.allow_plain_http)
            chains.append(PolledChain.of(settings, Chain(chain_id, endpoints)))
        yield chains


@asynccontextmanager
async def start_polling(
    chains: Sequence[PolledChain],
    store: Store,
    quotes: Quotes,
    watches: Callable[[PolledChain], Sequence[Watch[Writable]]],
) -> AsyncIterator[Polling]:
    """Poll the chains while the block runs. watches: who is told of each."""
    polling = Polling(chains, ChainMemory(store), watches, utc_now, quotes.note_head)
    async with polling.running():
        yield polling


async def open_mirror(settings: Settings, relay: Relay, registry: ShopReg) -> AccountsMirror:
    """Open the mirror of accounts. Raises StoreError."""
    # What is under development has one endpoint, which is never behind itself.
    settles_s = 0 if settings.is_development_chain(settings.registry_chain) else SETTLES_S
    return await AccountsMirror.open(relay, registry, utc_now, settles_s)


def watches(
    payments: PaymentWatches,
    mirror: AccountsMirror,
    strays: Mapping[int, StrayPayments],
    chain: PolledChain,
) -> list[Watch[Writable]]:
    """List who is told what is found on a chain.

    The accounts first: they ask twice a poll at most, payments as often as a poll may.
    """
    watch = payments.of_chain(chain.chain.chain_id)
    watches: list[Watch[Writable]] = [mirror] if chain.chain.chain_id == mirror.chain_id else []
    if watch is not None:
        watches.append(watch)
    # They can wait for what all others leave of a poll's questions.
    search = payments.searches.of_chain(chain.chain.chain_id)
    if search is not None:
        watches.append(search)
    stray = strays.get(chain.chain.chain_id)
    return watches if stray is None else [*watches, stray]


def readiness(settings: Settings, polling: Polling) -> list[ChainReadiness]:
    """Say how far each chain is read, for `/ready`."""
    return [
        ChainReadiness(
            chain_id=one.chain_id,
            head=one.head,
            scanned=one.scanned,
            final=one.final,
            lag_blocks=one.lag_blocks,
            lag_s=one.lag_s,
            most_lag_s=settings.chain(one.chain_id).max_lag,
        )
        for one in polling.statuses()
    ]
