"""A relay that serves: everything that it consists of, opened in order and closed in order."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import open_http
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.token import RelayToken, RelayTokenService
from minirelay.chain.wallet import Wallet
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError
from minirelay.relay.acceptance import WriteLimits, utc_now
from minirelay.relay.connection import ConnectionLimits
from minirelay.relay.enrolment import AdmissionPolicy, Enroller
from minirelay.relay.filter_quota import FilterLimits
from minirelay.relay.outbox import OutboxLimits
from minirelay.relay.relay import Relay, RelayLimits
from minirelay.relay.session import SessionLimits
from minirelay.shop.object_sizes import ObjectLimits
from minirelay.store.database import Store
from minirelay.store.write_check import WriteCheck
from minirelay.web.app import Services, create_app
from minirelay.web.client_address import ClientAddresses
from minirelay.web.connections import Connections, files_for_connections
from minirelay.web.listener import Listener, listen
from minirelay.web.refusals import Refusals

log = logging.getLogger(__name__)

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


class StoreMemory:
    """The rows of `meta`, for what the chain's room has to remember."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_meta(self, key: str) -> bytes | None:
        """Give what was remembered, None if nothing."""
        return await self._store.reader.get_meta(key)

    async def put_meta(self, key: str, value: bytes) -> None:
        """Remember, durably."""
        await self._store.writer.put_meta(key, value)


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
    async with AsyncExitStack() as stack:
        store = await Store.open(
            settings.data_dir,
            settings.durability,
            accepts_loss=accepts_loss,
            high_water_interval_s=settings.high_water_interval,
        )
        stack.push_async_callback(store.close)
        http = await stack.enter_async_context(open_http())
        chain_settings = settings.chain(settings.registry_chain)
        chain = Chain(settings.registry_chain, chain_settings.rpc_urls, http)
        service = RelayTokenService(
            RelayReg(chain, bytes(chain_settings.relay_reg)),
            wallet,
            StoreMemory(store),
            configured=settings.relay_token_id,
            first_choice=new_token,
        )
        token = await _find_token(service, settings)
        shop_registry = ShopReg(chain, bytes(chain_settings.shop_reg))
        if token.is_checked:
            await _prove(shop_registry)
        relay = Relay(
            store,
            await store.reader.next_rows(),
            wallet=wallet.key,
            registry_chain=settings.registry_chain,
            limits=relay_limits(settings),
        )
        enroller = Enroller(
            base_url=base_url,
            relay_token=token.token_id,
            relay_key=wallet.key.public_key,
            registry=shop_registry,
            policy=AdmissionPolicy(settings.shop_admission, frozenset(settings.shops)),
            is_served=relay.is_served,
            admit=relay.admit,
            now=utc_now,
        )
        services = Services(relay, enroller, WriteCheck(store.writer).check, token.token_id)
        check = asyncio.create_task(_check_later(service, token, settings))
        stack.callback(check.cancel)
        refusals = Refusals(time.monotonic)
        connections = Connections(
            settings.limits,
            ClientAddresses(settings.trusted_proxies),
            refusals,
            files_for_connections(settings.limits.reserved_files),
        )
        url = await stack.enter_async_context(
            listen(
                create_app(settings, services, refusals),
                listener,
                connections,
                # What is left of the time is for clients that are slow to read that they are closed.
                on_stop=lambda: relay.stop(1001, STOPPING, drain_timeout_s=settings.stop_timeout / 2),
                stop_timeout_s=settings.stop_timeout,
            )
        )
        yield Server(url, token.token_id, relay, check)


async def _prove(registry: ShopReg) -> None:
    try:
        await registry.prove()
    except ChainUnreachable as error:
        log.warning("the shop registry could not be checked", extra={"reason": str(error)})


async def _check_later(service: RelayTokenService, token: RelayToken, settings: Settings) -> None:
    await service.check_later(token)
    # What is under development moves all the time.
    if settings.base_url is not None and not settings.development:
        await service.check_uri(token.token_id, settings.base_url)


async def _find_token(service: RelayTokenService, settings: Settings) -> RelayToken:
    if settings.development:
        return await service.find_or_mint(str(settings.base_url))
    token = await service.find()
    if token is None:
        raise ConfigError("this relay has no token yet: run `minirelay register`, or set relay_token_id")
    return token


def relay_limits(settings: Settings) -> RelayLimits:
    """Take the bounds that the relay itself keeps out of the settings."""
    limits = settings.limits
    session = SessionLimits(
        open_requests=limits.open_requests,
        unacknowledged_pushes=limits.unacknowledged_pushes,
        ping_interval_s=settings.ping_interval,
        kick_timeout_s=settings.kick_timeout,
    )
    return RelayLimits(
        connection=ConnectionLimits(
            session=session,
            outbox=OutboxLimits(limits.unsent_pushes, limits.unread_answers),
            filters=FilterLimits(limits.filter_id, limits.session_filters),
            subscriptions=limits.subscriptions_per_session,
            unanswered_bytes=limits.unanswered_writes,
        ),
        guest_cards_per_shop=limits.guest_cards_per_shop,
        writes=WriteLimits(
            clock_skew=timedelta(seconds=settings.clock_skew),
            objects=ObjectLimits(limits.order_size, limits.object_size),
            work=limits.set_work,
            guest_patches=limits.guest_set_patches,
        ),
        shop_memory_bytes=limits.shop_memory,
        session_memory_bytes=limits.session_memory,
    )
