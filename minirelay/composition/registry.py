"""What stands on the registry chain: the relay's token, the shop registry, root hashes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from minirelay.chain.anchor_memory import AnchorMemory
from minirelay.chain.anchor_runner import LOOK_EVERY_S, AnchorRunner
from minirelay.chain.anchoring import Terms
from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.sending import Sender
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.token import RelayToken, RelayTokenService
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import WalletLock
from minirelay.config.settings import Settings
from minirelay.errors import ConfigError
from minirelay.event_loop import end_tasks
from minirelay.mirror.log_ends import LogEnds
from minirelay.payments.polling import PolledChain
from minirelay.relay.clock import utc_now
from minirelay.relay.relay import Relay
from minirelay.store.database import Store
from minirelay.store.meta_table import MetaTable
from minirelay.store.operator_alerts import ANCHOR_STUCK, OperatorAlert

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_registry_chain(settings: Settings) -> AsyncIterator[Chain]:
    """Open the registry chain, with connections of its own."""
    chain = settings.chain(settings.registry_chain)
    async with open_http() as http:
        yield Chain(
            settings.registry_chain, http_endpoints(chain.rpc_urls, http, allows_plain=chain.allow_plain_http)
        )


def make_token_service(
    settings: Settings, chain: Chain, wallet: Wallet, store: Store, *, new_token: int | None
) -> RelayTokenService:
    """Make what finds, checks and mints the relay's token."""
    relay_reg = settings.chain(settings.registry_chain).relay_reg
    return RelayTokenService(
        RelayReg(chain, bytes(relay_reg)),
        wallet,
        MetaTable(store),
        configured=settings.relay_token_id,
        first_choice=new_token,
    )


async def find_token(service: RelayTokenService, settings: Settings) -> RelayToken:
    """Find the relay's token; under development mint one if there is none. Raises ConfigError, ChainError."""
    if settings.development:
        return await service.find_or_mint(str(settings.base_url))
    token = await service.find()
    if token is None:
        raise ConfigError("this relay has no token yet: run `minirelay register`, or set relay_token_id")
    return token


async def open_shop_registry(settings: Settings, chain: Chain, *, is_asked: bool) -> ShopReg:
    """Make the shop registry. is_asked: make sure first that it is one, if it answers."""
    registry = ShopReg(chain, bytes(settings.chain(settings.registry_chain).shop_reg))
    if is_asked:
        try:
            await registry.prove()
        except ChainUnreachable as error:
            log.warning("the shop registry could not be checked", extra={"reason": str(error)})
    return registry


@contextmanager
def token_checks(
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
async def anchoring(settings: Settings, make: Callable[[], AnchorRunner]) -> AsyncIterator[None]:
    """Write root hashes beside everything else, if that is wanted."""
    if not settings.anchoring.enabled:
        yield
        return
    # Nobody wants to wait for what is under development.
    writing = asyncio.create_task(make().run(1.0 if settings.development else LOOK_EVERY_S))
    try:
        yield
    finally:
        await end_tasks(writing)


def anchor_runner(
    settings: Settings, wallet: Wallet, token_id: int, lock: WalletLock, registry: ShopReg, relay: Relay
) -> AnchorRunner:
    """Make what writes root hashes."""
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
