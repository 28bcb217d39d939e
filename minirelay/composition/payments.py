"""What checkout has to know, and what becomes of money."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from functools import partial
from typing import Final

from minirelay.chain.balances import BalanceReader
from minirelay.chain.endpoint import open_http
from minirelay.chain.sending import Sender
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import WalletLock
from minirelay.config.secret_file import read_secret
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError
from minirelay.event_loop import end_tasks
from minirelay.payments.accepted_tokens import AcceptedTokens
from minirelay.payments.alert_limits import HOUR_S
from minirelay.payments.auto_sweep import AutoSweep
from minirelay.payments.coingecko import CoinGecko
from minirelay.payments.decimals_memory import StoredDecimals
from minirelay.payments.known_facts import Rates
from minirelay.payments.large_payments import LargeTotal
from minirelay.payments.market_rates import MarketRates
from minirelay.payments.native_proof import NativeProver
from minirelay.payments.payment_target import PayByAddress
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.polling import PolledChain
from minirelay.payments.price_memory import StoredPrices
from minirelay.payments.quotes import PaymentChain, Quotes
from minirelay.payments.settlement import SettlementTerms
from minirelay.payments.stray_payments import StrayPayments
from minirelay.payments.stray_search import StraySearch
from minirelay.payments.stray_searches import StraySearches
from minirelay.payments.sweeping import Sweeper, SweepTerms
from minirelay.payments.watcher import PaymentWatch
from minirelay.relay.clock import utc_now
from minirelay.relay.relay import Relay
from minirelay.shop.payment_request import OTHER_CREATE2
from minirelay.shop.quote import FixedRates, NoRates, Rate
from minirelay.store.batch import Writable
from minirelay.store.database import Store
from minirelay.store.meta_table import MetaTable
from minirelay.store.payment_rows import PaymentRows

log = logging.getLogger(__name__)

_OTHER_RULES: Final = "addresses of contracts are made by other rules there, so nobody can pay to one"


def list_payment_chains(settings: Settings) -> list[int]:
    """List the chains that can be paid on: those with endpoints. Raises ConfigError."""
    chain_ids = []
    for chain_id in sorted(chain_id for chain_id, chain in settings.chains.items() if chain.rpc_urls):
        if settings.is_development_chain(chain_id) and not settings.development:
            log.warning(
                "nobody can pay on a development chain without development mode", extra={"chain": chain_id}
            )
        elif chain_id not in OTHER_CREATE2:
            chain_ids.append(chain_id)
        elif chain_id == settings.registry_chain:
            log.warning("nobody can pay on this chain: %s", _OTHER_RULES, extra={"chain": chain_id})
        else:
            raise ConfigError(f"chains.{chain_id}: {_OTHER_RULES}; take chains.{chain_id}.rpc_urls away")
    return chain_ids


@asynccontextmanager
async def open_quotes(
    settings: Settings, store: Store, chains: Sequence[PolledChain], chain_ids: Sequence[int]
) -> AsyncIterator[Quotes]:
    """Keep warm, while the block runs, what checkout has to know."""
    payable = [_payment_chain(settings, one) for one in chains if one.chain.chain_id in chain_ids]
    async with _rates(settings, store) as rates:
        quotes = Quotes(payable, rates, utc_now, StoredDecimals(store, utc_now))
        async with quotes.running():
            yield quotes


def _payment_chain(settings: Settings, polled: PolledChain) -> PaymentChain:
    chain_id = polled.chain.chain_id
    return PaymentChain(
        chain=polled.chain,
        payments=bytes(settings.chain(chain_id).payments),
        calls=polled.calls,
        is_development=settings.is_development_chain(chain_id),
        allows_unsweepable=settings.chain(chain_id).allow_unsweepable,
    )


@asynccontextmanager
async def _rates(settings: Settings, store: Store) -> AsyncIterator[Rates]:
    prices = settings.prices
    if prices.source == "coingecko":
        key = None if prices.key_file is None else read_secret(prices.key_file, "prices.key_file")
        async with open_http() as http:
            source = CoinGecko(http, prices.url, key)
            memory = StoredPrices(store, utc_now)
            yield MarketRates(source, memory, utc_now, most_change=Fraction(prices.max_change, 100))
    elif prices.source == "none" or prices.factor is None:
        yield NoRates()
    else:
        factor = prices.factor
        yield FixedRates(Rate(factor.numerator, factor.denominator), settings.development)


@asynccontextmanager
async def watch_payments(
    settings: Settings,
    chains: Sequence[PolledChain],
    chain_ids: Sequence[int],
    store: Store,
    relay: Relay,
    terms: SettlementTerms,
) -> AsyncIterator[PaymentWatches]:
    """Watch what was watched before, and what is asked for from now on."""
    payable = [one for one in chains if one.chain.chain_id in chain_ids]
    targets = {one.chain.chain_id: _target_of(settings, one.chain.chain_id) for one in payable}
    searches = _searches(targets, terms, relay, store)
    watches = [_watch_of(settings, one, targets, terms, relay, store, searches) for one in payable]
    payments = PaymentWatches(watches, searches)
    relay.follow_checkout(payments)
    await payments.load(store.reader)
    terms.alerts.restore(await store.reader.told_alerts(_epoch() - HOUR_S))
    await searches.load()
    try:
        yield payments
    finally:
        await payments.finish()


def _target_of(settings: Settings, chain_id: int) -> PayByAddress:
    one = settings.chain(chain_id)
    make_prover = partial(NativeProver, chain_id, bytes(one.payments), bytes(one.permit2))
    return PayByAddress(chain_id, bytes(one.payments), make_prover)


def _searches(
    targets: Mapping[int, PayByAddress], terms: SettlementTerms, relay: Relay, store: Store
) -> StraySearches:
    """Make what searches payment addresses, on all chains, for what they do not ask for."""
    accepted = AcceptedTokens(relay.write_own)

    async def commit(rows: Writable) -> None:
        await store.writer.commit(rows)

    return StraySearches(
        [
            StraySearch(chain_id, accepted, targets, store.reader, terms.alerts, commit, _epoch)
            for chain_id in targets
        ]
    )


async def open_strays(
    settings: Settings, chains: Sequence[PolledChain], chain_ids: Sequence[int], store: Store
) -> dict[int, StrayPayments]:
    """Look for payments for orders that a restore or an import lacks, on each chain. Raises StoreError."""
    return {
        chain_id: await StrayPayments.open(
            chain_id, bytes(settings.chain(chain_id).payments), store.reader, _epoch
        )
        for chain_id in (one.chain.chain_id for one in chains)
        if chain_id in chain_ids
    }


def _watch_of(
    settings: Settings,
    polled: PolledChain,
    targets: Mapping[int, PayByAddress],
    terms: SettlementTerms,
    relay: Relay,
    store: Store,
    searches: StraySearches,
) -> PaymentWatch:
    chain_id = polled.chain.chain_id
    one = settings.chain(chain_id)
    return PaymentWatch(
        chain_id,
        targets[chain_id],
        terms,
        relay.write_own,
        clock=lambda: int(utc_now().timestamp()),
        is_development=settings.is_development_chain(chain_id),
        large={total.currency: LargeTotal(total.amount, total.confirmations) for total in one.large_total},
        store=store.reader,
        most_awake=settings.limits.closed_payment_requests,
        call=polled.calls.call,
        search=searches.begin,
    )


def make_sweepers(
    settings: Settings,
    chains: Sequence[PolledChain],
    chain_ids: Sequence[int],
    store: Store,
    wallet: Wallet,
) -> dict[int, Sweeper]:
    """Make the sweepers, one for each chain that can be paid on."""
    payable = [one for one in chains if one.chain.chain_id in chain_ids]
    return {one.chain.chain_id: _sweeper_of(settings, one, store, wallet) for one in payable}


def _sweeper_of(settings: Settings, polled: PolledChain, store: Store, wallet: Wallet) -> Sweeper:
    chain_id = polled.chain.chain_id
    one = settings.chain(chain_id)
    return Sweeper(
        chain=polled.chain,
        payments=bytes(one.payments),
        target=_target_of(settings, chain_id),
        balances=BalanceReader(polled.chain, polled.multicall),
        multicall=bytes(one.multicall),
        sender=Sender(polled.chain, wallet),
        meta=MetaTable(store),
        wallet_lock=WalletLock(MetaTable(store), wallet, chain_id),
        terms=SweepTerms(
            coin_gas=one.sweep_gas_coin,
            token_gas=one.sweep_gas_token,
            fee=one.sweep_fee.wei,
            fees_per_day=one.sweep_fees_per_day.wei,
        ),
        now=_epoch,
    )


@asynccontextmanager
async def auto_sweep(
    settings: Settings, sweepers: dict[int, Sweeper], store: Store, quotes: Quotes
) -> AsyncIterator[None]:
    """Look after what is paid while the block runs: sweep it, where that is wanted."""
    policies = [(one, settings.chain(chain_id).auto_sweep) for chain_id, one in sweepers.items()]

    async def tell(alerts: PaymentRows) -> None:
        await store.writer.commit(alerts)

    sweeping = AutoSweep(store.reader, policies, lambda: quotes.facts(_epoch()), _epoch, tell)
    task = asyncio.create_task(sweeping.run())
    try:
        yield
    finally:
        await end_tasks(task)


def _epoch() -> int:
    return int(utc_now().timestamp())
