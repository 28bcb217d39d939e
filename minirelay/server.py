"""Composition: everything that a relay consists of, opened in order and closed in the opposite order.

Each part is opened by a function of its own, which is given what it stands on (`composition/`). To add one is
to write its function, and to enter it in `serve` behind what it needs.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import WalletLock
from minirelay.composition.listeners import open_client_listener, open_operator_listener
from minirelay.composition.payments import (
    auto_sweep,
    list_payment_chains,
    make_sweepers,
    open_quotes,
    watch_payments,
)
from minirelay.composition.registry import (
    anchor_runner,
    anchoring,
    find_token,
    make_token_service,
    open_registry_chain,
    open_shop_registry,
    token_checks,
)
from minirelay.composition.relay_parts import backups, make_enroller, open_store, start_relay, stock_alerts
from minirelay.composition.watched_chains import open_chains, open_mirror, readiness, start_polling, watches
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError
from minirelay.operations.operator import Operator
from minirelay.operations.payment_decisions import PaymentDecisions
from minirelay.operations.sweeps import Sweeps
from minirelay.payments.settlement import SettlementTerms
from minirelay.relay.clock import utc_now
from minirelay.relay.relay import Relay
from minirelay.store.meta_table import MetaTable
from minirelay.store.write_check import WriteCheck
from minirelay.web.app import Services
from minirelay.web.listener import Listener


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
        store = await enter(await open_store(settings, accepts_loss=accepts_loss))
        payment_chains = list_payment_chains(settings)
        chain = await enter(open_registry_chain(settings))
        token_service = make_token_service(settings, chain, wallet, store, new_token=new_token)
        token = await find_token(token_service, settings)
        shop_registry = await open_shop_registry(settings, chain, is_asked=token.is_checked)
        chains = await enter(open_chains(settings, payment_chains))
        quotes = await enter(open_quotes(settings, store, chains, payment_chains))
        limits = settings.limits
        blobs = await enter(BlobLibrary.opened(store, shop_bytes=int(limits.shop_blobs), now=utc_now))
        upload_tokens = UploadTokens(str(base_url), limits.upload_urls, time.monotonic)
        relay = await start_relay(settings, store, wallet, quotes, upload_tokens)
        terms = SettlementTerms(relay.limits.writes.checkout, tolerance=settings.tolerance)
        payments = await enter(watch_payments(settings, chains, payment_chains, store, relay, terms))
        mirror = await open_mirror(settings, relay, shop_registry)
        polling = await enter(start_polling(chains, store, quotes, partial(watches, payments, mirror)))
        await enter(stock_alerts(relay))
        sweepers = make_sweepers(settings, chains, payment_chains, store, wallet)
        await enter(auto_sweep(settings, sweepers, store, quotes))
        wallet_lock = WalletLock(MetaTable(store), wallet, settings.registry_chain)
        make_anchors = partial(
            anchor_runner, settings, wallet, token.token_id, wallet_lock, shop_registry, relay
        )
        await enter(anchoring(settings, make_anchors))
        parts.enter_context(backups(settings, store))
        enroller = make_enroller(settings, base_url, token, wallet, shop_registry, relay)
        token_lost = parts.enter_context(token_checks(token_service, token, settings))
        services = Services(
            relay,
            enroller,
            WriteCheck(store.writer).check,
            token.token_id,
            blobs,
            upload_tokens,
            partial(readiness, settings, polling),
        )
        decisions = PaymentDecisions(store.reader, payments, terms, utc_now)
        sweeps = Sweeps(store.reader, sweepers)
        operator = Operator(store, blobs, utc_now)
        await enter(open_operator_listener(settings, operator, decisions, sweeps))
        url = await enter(open_client_listener(settings, services, listener, relay))
        yield Server(url, token.token_id, relay, token_lost, blobs)
