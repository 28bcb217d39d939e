"""Composition: everything that a relay consists of, opened in order and closed in the opposite order.

Each part is opened by a function of its own, which is given what it stands on. To add one is to write its
function, and to enter it in `serve` behind what it needs.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Final

from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.chain.anchor_memory import AnchorMemory
from minirelay.chain.anchor_runner import LOOK_EVERY_S, AnchorRunner
from minirelay.chain.anchoring import Terms
from minirelay.chain.balances import BalanceReader
from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.findings import Watch
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.sending import Sender
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.token import RelayToken, RelayTokenService
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import WalletLock
from minirelay.config.settings import Settings
from minirelay.config.urls import BaseUrl
from minirelay.errors import ConfigError
from minirelay.mirror.accounts import SETTLES_S, AccountsMirror
from minirelay.mirror.log_ends import LogEnds
from minirelay.operations.backup_schedule import BackupSchedule
from minirelay.operations.operator import Operator
from minirelay.operations.payment_decisions import PaymentDecisions
from minirelay.operations.sweeps import Sweeps
from minirelay.payments.auto_sweep import AutoSweep
from minirelay.payments.chain_memory import ChainMemory
from minirelay.payments.coingecko import CoinGecko
from minirelay.payments.decimals_memory import StoredDecimals
from minirelay.payments.known_facts import Rates
from minirelay.payments.market_rates import MarketRates
from minirelay.payments.native_proof import NativeProver
from minirelay.payments.payment_target import PayByAddress
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.polling import PolledChain, Polling
from minirelay.payments.price_key import read_price_key
from minirelay.payments.price_memory import StoredPrices
from minirelay.payments.quotes import PaymentChain, Quotes
from minirelay.payments.settlement import SettlementTerms
from minirelay.payments.sweeping import Sweeper, SweepTerms
from minirelay.payments.watcher import PaymentWatch
from minirelay.relay.clock import utc_now
from minirelay.relay.enrolment import AdmissionPolicy, Enroller
from minirelay.relay.facts_source import FactsSource
from minirelay.relay.limits import relay_limits
from minirelay.relay.relay import Relay
from minirelay.relay.stock_alerts import StockAlerts
from minirelay.shop.payment_request import OTHER_CREATE2
from minirelay.shop.quote import FixedRates, NoRates, Rate
from minirelay.store.batch import Writable
from minirelay.store.database import Store
from minirelay.store.meta_table import MetaTable
from minirelay.store.operator_alerts import ANCHOR_STUCK, OperatorAlert
from minirelay.store.write_check import WriteCheck
from minirelay.web.admin_api import create_admin_app
from minirelay.web.admin_socket import listen_to_operator
from minirelay.web.app import Services, create_app
from minirelay.web.client_address import ClientAddresses
from minirelay.web.connections import Connections, files_for_connections
from minirelay.web.listener import Listener, listen
from minirelay.web.ready import ChainReadiness
from minirelay.web.refusals import Refusals

log = logging.getLogger(__name__)

_OTHER_RULES: Final = "addresses of contracts are made by other rules there, so nobody can pay to one"

STOPPING = "this relay stops; connect again in a moment"


@dataclass(frozen=True, slots=True)
class Server:
    """A relay that serves.

    token_lost: done, with a ConfigError, if the wallet turns out not to own the relay's token.
    """

    url: str
    relay_token: int
    relay: Relay
    token_lost: asyncio.Task[None]
    blobs: BlobLibrary


@asynccontextmanager
async def serve(
    settings: Settings,
    wallet: Wallet,
    listener: Listener,
    *,
    accepts_loss: bool = False,
    new_token: int | None = None,
) -> AsyncIterator[Server]:
    """Run a relay while the block runs.

    listener: an address that is bound already. accepts_loss: see `Store.open`. new_token: under
    development, the id of the token to mint if there is none. Raises ConfigError, StoreError, ChainError, in
    words for people.
    """
    base_url = settings.base_url
    if base_url is None:
        raise ConfigError("not configured: base_url")
    settings.check_payments()
    settings.check_anchoring()
    async with AsyncExitStack() as parts:
        enter = parts.enter_async_context
        store = await enter(await _open_store(settings, accepts_loss=accepts_loss))
        payment_chains = _payment_chains(settings)
        chain = await enter(_open_registry_chain(settings))
        token_service = _make_token_service(settings, chain, wallet, store, new_token=new_token)
        token = await _find_token(token_service, settings)
        shop_registry = await _open_shop_registry(settings, chain, is_asked=token.is_checked)
        chains = await enter(_open_chains(settings, payment_chains))
        quotes = await enter(_open_quotes(settings, store, chains, payment_chains))
        limits = settings.limits
        blobs = await enter(BlobLibrary.opened(store, shop_bytes=int(limits.shop_blobs), now=utc_now))
        upload_tokens = UploadTokens(str(base_url), limits.upload_urls, time.monotonic)
        relay = await _start_relay(settings, store, wallet, quotes, upload_tokens)
        terms = SettlementTerms(relay.limits.writes.checkout, tolerance=settings.tolerance)
        payments = await enter(_watch_payments(settings, chains, payment_chains, store, relay, terms))
        mirror = await _open_mirror(settings, relay, shop_registry)
        polling = await enter(_start_polling(chains, store, quotes, partial(_watches, payments, mirror)))
        await enter(_stock_alerts(relay))
        sweepers = _make_sweepers(settings, chains, payment_chains, store, wallet)
        await enter(_auto_sweep(settings, sweepers, store, quotes))
        wallet_lock = WalletLock(MetaTable(store), wallet, settings.registry_chain)
        make_anchors = partial(
            _anchor_runner, settings, wallet, token.token_id, wallet_lock, shop_registry, relay
        )
        await enter(_anchoring(settings, make_anchors))
        parts.enter_context(_backups(settings, store))
        enroller = _make_enroller(settings, base_url, token, wallet, shop_registry, relay)
        token_lost = parts.enter_context(_token_checks(token_service, token, settings))
        services = Services(
            relay,
            enroller,
            WriteCheck(store.writer).check,
            token.token_id,
            blobs,
            upload_tokens,
            partial(_readiness, settings, polling),
        )
        decisions = PaymentDecisions(store.reader, payments, terms, utc_now)
        sweeps = Sweeps(store.reader, sweepers)
        operator = Operator(store, blobs, utc_now)
        await enter(_listen_to_operator(settings, operator, decisions, sweeps))
        url = await enter(_listen_to_clients(settings, services, listener, relay))
        yield Server(url, token.token_id, relay, token_lost, blobs)


# -- the database


async def _open_store(settings: Settings, *, accepts_loss: bool) -> Store:
    return await Store.open(
        settings.data_dir,
        settings.durability,
        accepts_loss=accepts_loss,
        high_water_interval_s=settings.high_water_interval,
    )


@contextmanager
def _backups(settings: Settings, store: Store) -> Iterator[None]:
    """Make backups by the clock, if they are configured."""
    target = settings.backup.file
    if target is None:
        yield
        return
    schedule = BackupSchedule(
        settings.data_dir,
        target,
        store.writer,
        utc_now,
        interval_s=settings.backup.interval,
        keep=settings.backup.keep,
    )
    task = asyncio.create_task(schedule.run())
    try:
        yield
    finally:
        task.cancel()


# -- the registry chain


@asynccontextmanager
async def _open_registry_chain(settings: Settings) -> AsyncIterator[Chain]:
    chain = settings.chain(settings.registry_chain)
    async with open_http() as http:
        yield Chain(
            settings.registry_chain, http_endpoints(chain.rpc_urls, http, allows_plain=chain.allow_plain_http)
        )


def _make_token_service(
    settings: Settings, chain: Chain, wallet: Wallet, store: Store, *, new_token: int | None
) -> RelayTokenService:
    relay_reg = settings.chain(settings.registry_chain).relay_reg
    return RelayTokenService(
        RelayReg(chain, bytes(relay_reg)),
        wallet,
        MetaTable(store),
        configured=settings.relay_token_id,
        first_choice=new_token,
    )


async def _find_token(service: RelayTokenService, settings: Settings) -> RelayToken:
    if settings.development:
        return await service.find_or_mint(str(settings.base_url))
    token = await service.find()
    if token is None:
        raise ConfigError("this relay has no token yet: run `minirelay register`, or set relay_token_id")
    return token


async def _open_shop_registry(settings: Settings, chain: Chain, *, is_asked: bool) -> ShopReg:
    """Make the shop registry. is_asked: make sure first that it is one, if it answers."""
    registry = ShopReg(chain, bytes(settings.chain(settings.registry_chain).shop_reg))
    if is_asked:
        try:
            await registry.prove()
        except ChainUnreachable as error:
            log.warning("the shop registry could not be checked", extra={"reason": str(error)})
    return registry


@contextmanager
def _token_checks(
    service: RelayTokenService, token: RelayToken, settings: Settings
) -> Iterator[asyncio.Task[None]]:
    """Check the token beside everything else; the task ends with a ConfigError if it is not the wallet's."""
    check = asyncio.create_task(_check_token(service, token, settings))
    try:
        yield check
    finally:
        check.cancel()


async def _check_token(service: RelayTokenService, token: RelayToken, settings: Settings) -> None:
    await service.check_later(token)
    # What is under development moves all the time.
    if settings.base_url is not None and not settings.development:
        await service.check_uri(token.token_id, settings.base_url)


@asynccontextmanager
async def _anchoring(settings: Settings, make: Callable[[], AnchorRunner]) -> AsyncIterator[None]:
    """Write root hashes beside everything else, if that is wanted."""
    if not settings.anchoring.enabled:
        yield
        return
    # Nobody wants to wait for what is under development.
    writing = asyncio.create_task(make().run(1.0 if settings.development else LOOK_EVERY_S))
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


def _anchor_runner(
    settings: Settings, wallet: Wallet, token_id: int, lock: WalletLock, registry: ShopReg, relay: Relay
) -> AnchorRunner:
    wanted = settings.anchoring
    chain_id = registry.chain.chain_id
    depths = PolledChain.of(settings, registry.chain).depths

    async def alert(detail: str) -> None:
        await relay.store.writer.commit(OperatorAlert(ANCHOR_STUCK, detail, int(utc_now().timestamp())))

    return AnchorRunner(
        registry,
        Sender(registry.chain, wallet),
        lock,
        AnchorMemory(MetaTable(relay.store), chain_id),
        LogEnds(relay),
        Terms(
            wanted.sets,
            wanted.interval,
            wanted.timeout,
            wanted.fee_per_transaction.wei,
            wanted.fee_per_day.wei,
        ),
        lambda: utc_now().timestamp(),
        token_id=token_id,
        wallet=wallet.address,
        confirmations=depths.in_blocks,
        alert=alert,
    )


# -- the chains that are watched


@asynccontextmanager
async def _open_chains(settings: Settings, payment_chains: Sequence[int]) -> AsyncIterator[list[PolledChain]]:
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
async def _start_polling(
    chains: Sequence[PolledChain],
    store: Store,
    quotes: Quotes,
    watches: Callable[[PolledChain], Sequence[Watch[Writable]]],
) -> AsyncIterator[Polling]:
    polling = Polling(chains, ChainMemory(store), watches, utc_now, quotes.note_head)
    async with polling.running():
        yield polling


async def _open_mirror(settings: Settings, relay: Relay, registry: ShopReg) -> AccountsMirror:
    # What is under development has one endpoint, which is never behind itself.
    settles_s = 0 if settings.is_development_chain(settings.registry_chain) else SETTLES_S
    return await AccountsMirror.open(relay, registry, utc_now, settles_s)


def _watches(payments: PaymentWatches, mirror: AccountsMirror, chain: PolledChain) -> list[Watch[Writable]]:
    """List who is told what is found on a chain.

    The accounts first: they ask twice a poll at most, payments as often as a poll may.
    """
    watch = payments.of_chain(chain.chain.chain_id)
    watches: list[Watch[Writable]] = [mirror] if chain.chain.chain_id == mirror.chain_id else []
    return watches if watch is None else [*watches, watch]


def _readiness(settings: Settings, polling: Polling) -> list[ChainReadiness]:
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


# -- what checkout has to know


@asynccontextmanager
async def _open_quotes(
    settings: Settings, store: Store, chains: Sequence[PolledChain], chain_ids: Sequence[int]
) -> AsyncIterator[Quotes]:
    payable = [_payment_chain(settings, one) for one in chains if one.chain.chain_id in chain_ids]
    async with _rates(settings, store) as rates:
        quotes = Quotes(payable, rates, utc_now, StoredDecimals(store, utc_now))
        async with quotes.running():
            yield quotes


def _payment_chains(settings: Settings) -> list[int]:
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
        key = None if prices.key_file is None else read_price_key(prices.key_file)
        async with open_http() as http:
            source = CoinGecko(http, prices.url, key)
            memory = StoredPrices(store, utc_now)
            yield MarketRates(source, memory, utc_now, most_change=Fraction(prices.max_change, 100))
    elif prices.source == "none" or prices.factor is None:
        yield NoRates()
    else:
        factor = prices.factor
        yield FixedRates(Rate(factor.numerator, factor.denominator), settings.development)


# -- the relay


@asynccontextmanager
async def _stock_alerts(relay: Relay) -> AsyncIterator[None]:
    looking = asyncio.create_task(StockAlerts(relay).run())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _start_relay(
    settings: Settings, store: Store, wallet: Wallet, facts: FactsSource, upload_tokens: UploadTokens
) -> Relay:
    return Relay(
        store,
        await store.reader.next_rows(),
        wallet=wallet.key,
        registry_chain=settings.registry_chain,
        limits=relay_limits(settings),
        facts=facts,
        upload_tokens=upload_tokens,
    )


def _make_enroller(
    settings: Settings, base_url: BaseUrl, token: RelayToken, wallet: Wallet, registry: ShopReg, relay: Relay
) -> Enroller:
    return Enroller(
        base_url=base_url,
        relay_token=token.token_id,
        relay_key=wallet.key.public_key,
        registry=registry,
        policy=AdmissionPolicy(settings.shop_admission, frozenset(settings.shops)),
        is_served=relay.is_served,
        admit=relay.admit,
        now=utc_now,
    )


# -- payments


@asynccontextmanager
async def _watch_payments(
    settings: Settings,
    chains: Sequence[PolledChain],
    chain_ids: Sequence[int],
    store: Store,
    relay: Relay,
    terms: SettlementTerms,
) -> AsyncIterator[PaymentWatches]:
    """Watch what was watched before, and what is asked for from now on."""
    payable = [one for one in chains if one.chain.chain_id in chain_ids]
    payments = PaymentWatches([_watch_of(settings, one, terms, relay) for one in payable])
    relay.follow_checkout(payments)
    await payments.load(store.reader)
    try:
        yield payments
    finally:
        await payments.finish()


def _watch_of(settings: Settings, polled: PolledChain, terms: SettlementTerms, relay: Relay) -> PaymentWatch:
    chain_id = polled.chain.chain_id
    one = settings.chain(chain_id)
    make_prover = partial(NativeProver, chain_id, bytes(one.payments), bytes(one.permit2))
    return PaymentWatch(
        chain_id,
        PayByAddress(chain_id, bytes(one.payments), make_prover),
        terms,
        relay.write_own,
        clock=lambda: int(utc_now().timestamp()),
        is_development=settings.is_development_chain(chain_id),
        call=polled.calls.call,
    )


# -- sweeping


def _make_sweepers(
    settings: Settings,
    chains: Sequence[PolledChain],
    chain_ids: Sequence[int],
    store: Store,
    wallet: Wallet,
) -> dict[int, Sweeper]:
    payable = [one for one in chains if one.chain.chain_id in chain_ids]
    return {one.chain.chain_id: _sweeper_of(settings, one, store, wallet) for one in payable}


def _sweeper_of(settings: Settings, polled: PolledChain, store: Store, wallet: Wallet) -> Sweeper:
    chain_id = polled.chain.chain_id
    one = settings.chain(chain_id)
    make_prover = partial(NativeProver, chain_id, bytes(one.payments), bytes(one.permit2))
    return Sweeper(
        chain=polled.chain,
        payments=bytes(one.payments),
        target=PayByAddress(chain_id, bytes(one.payments), make_prover),
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
async def _auto_sweep(
    settings: Settings, sweepers: dict[int, Sweeper], store: Store, quotes: Quotes
) -> AsyncIterator[None]:
    policies = [(one, settings.chain(chain_id).auto_sweep) for chain_id, one in sweepers.items()]
    sweeping = AutoSweep(store.reader, policies, lambda: quotes.facts(_epoch()), _epoch)
    task = asyncio.create_task(sweeping.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _epoch() -> int:
    return int(utc_now().timestamp())


# -- the listeners


def _listen_to_operator(
    settings: Settings, operator: Operator, decisions: PaymentDecisions, sweeps: Sweeps
) -> AbstractAsyncContextManager[None]:
    """Listen on a socket in the data directory, whose lock the store holds."""
    return listen_to_operator(create_admin_app(operator, decisions, sweeps), settings.data_dir)


def _listen_to_clients(
    settings: Settings, services: Services, listener: Listener, relay: Relay
) -> AbstractAsyncContextManager[str]:
    refusals = Refusals(time.monotonic)
    connections = Connections(
        settings.limits,
        ClientAddresses(settings.trusted_proxies),
        refusals,
        files_for_connections(settings.limits.reserved_files),
    )
    return listen(
        create_app(settings, services, refusals),
        listener,
        connections,
        relay.memory,
        # What is left of the time is for clients that are slow to read that they are closed.
        on_stop=lambda: relay.stop(1001, STOPPING, drain_timeout_s=settings.stop_timeout / 2),
        stop_timeout_s=settings.stop_timeout,
    )
