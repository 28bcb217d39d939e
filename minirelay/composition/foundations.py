"""What a relay stands on: its database, its chains, its token, the files of its shops."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.token import RelayToken, RelayTokenService
from minirelay.chain.wallet import Wallet
from minirelay.composition.payments import list_payment_chains, open_quotes
from minirelay.composition.registry import (
    find_token,
    make_token_service,
    open_registry_chain,
    open_shop_registry,
)
from minirelay.composition.relay_parts import guard_disk, open_store
from minirelay.composition.watched_chains import open_chains
from minirelay.composition.webhook import keep_events
from minirelay.config.settings import Settings
from minirelay.config.urls import BaseUrl
from minirelay.operations.disk_guard import DiskGuard
from minirelay.operations.loop_watch import LoopWatch
from minirelay.payments.polling import PolledChain
from minirelay.payments.quotes import Quotes
from minirelay.relay.clock import utc_now
from minirelay.store.database import Store


@dataclass(frozen=True, slots=True)
class Foundations:
    """What is open before there is a relay.

    chains: all that are watched; payment_chains: the ids of those that can be paid on.
    """

    settings: Settings
    base_url: BaseUrl
    wallet: Wallet
    store: Store
    token_service: RelayTokenService
    token: RelayToken
    shop_registry: ShopReg
    chains: list[PolledChain]
    payment_chains: list[int]
    quotes: Quotes
    blobs: BlobLibrary
    upload_tokens: UploadTokens
    disk: DiskGuard
    loop_watch: LoopWatch


@asynccontextmanager
async def open_foundations(
    settings: Settings, base_url: BaseUrl, wallet: Wallet, *, accepts_loss: bool, new_token: int | None
) -> AsyncIterator[Foundations]:
    """Open the database and the chains. Raises ConfigError, StoreError, ChainError.

    accepts_loss, new_token: as for `server.serve`.
    """
    async with AsyncExitStack() as parts:
        enter = parts.enter_async_context
        store = await enter(await open_store(settings, accepts_loss=accepts_loss))
        await keep_events(settings, store)
        disk = await enter(guard_disk(settings))
        loop_watch = LoopWatch()
        parts.enter_context(loop_watch.running())
        payment_chains = list_payment_chains(settings)
        registry_chain = await enter(open_registry_chain(settings))
        token_service = make_token_service(settings, registry_chain, wallet, store, new_token=new_token)
        token = await find_token(token_service, settings)
        shop_registry = await open_shop_registry(settings, registry_chain, is_asked=token.is_checked)
        chains = await enter(open_chains(settings, payment_chains))
        quotes = await enter(open_quotes(settings, store, chains, payment_chains))
        limits = settings.limits
        blobs = await enter(
            BlobLibrary.opened(store, shop_bytes=int(limits.shop_blobs), now=utc_now, is_disk_low=disk.is_low)
        )
        yield Foundations(
            settings=settings,
            base_url=base_url,
            wallet=wallet,
            store=store,
            token_service=token_service,
            token=token,
            shop_registry=shop_registry,
            chains=chains,
            payment_chains=payment_chains,
            quotes=quotes,
            blobs=blobs,
            upload_tokens=UploadTokens(str(base_url), limits.upload_urls, time.monotonic),
            disk=disk,
            loop_watch=loop_watch,
        )


def other_reasons(on: Foundations) -> list[str]:
    """Say why the relay is not ready, beside its database and its chains."""
    low = ["the disk is nearly full: clients' writes are refused"] if on.disk.is_low() else []
    return [*on.loop_watch.reasons(), *low]
