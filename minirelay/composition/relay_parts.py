"""The database with its backups, the relay itself, enrolment."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.token import RelayToken
from minirelay.chain.wallet import Wallet
from minirelay.config.settings import Settings
from minirelay.config.urls import BaseUrl
from minirelay.event_loop import end_tasks
from minirelay.operations.backup_schedule import BackupSchedule
from minirelay.operations.disk_guard import DiskGuard
from minirelay.relay.clock import utc_now
from minirelay.relay.enrolment import AdmissionPolicy, Enroller
from minirelay.relay.facts_source import FactsSource
from minirelay.relay.limits import relay_limits
from minirelay.relay.relay import Relay
from minirelay.relay.stock_alerts import StockAlerts
from minirelay.store.database import Store


async def open_store(settings: Settings, *, accepts_loss: bool) -> Store:
    """Open the database. Raises StoreError."""
    return await Store.open(
        settings.data_dir,
        settings.durability,
        accepts_loss=accepts_loss,
        high_water_interval_s=settings.high_water_interval,
    )


@asynccontextmanager
async def guard_disk(settings: Settings) -> AsyncIterator[DiskGuard]:
    """Look at the disk's free space while the block runs; once before it, so that a start knows."""
    guard = DiskGuard(settings.data_dir, int(settings.disk_floor))
    await guard.look()
    looking = asyncio.create_task(guard.run())
    try:
        yield guard
    finally:
        await end_tasks(looking)


@contextmanager
def backups(settings: Settings, disk: DiskGuard) -> Iterator[BackupSchedule | None]:
    """Make backups by the clock, if they are configured; None if they are not."""
    target = settings.backup.file
    if target is None:
        yield None
        return
    schedule = BackupSchedule(
        settings.data_dir,
        target,
        utc_now,
        interval_s=settings.backup.interval,
        keep=settings.backup.keep,
        floor_bytes=int(settings.disk_floor),
        is_disk_low=disk.is_low,
    )
    task = asyncio.create_task(schedule.run())
    try:
        yield schedule
    finally:
        task.cancel()


@asynccontextmanager
async def stock_alerts(relay: Relay) -> AsyncIterator[None]:
    """Look for stock that is held for long while the block runs."""
    looking = asyncio.create_task(StockAlerts(relay).run())
    try:
        yield
    finally:
        await end_tasks(looking)


async def start_relay(
    settings: Settings,
    store: Store,
    wallet: Wallet,
    facts: FactsSource,
    upload_tokens: UploadTokens,
    disk: DiskGuard,
) -> Relay:
    """Start the relay on what the store has. Raises StoreError."""
    return Relay(
        store,
        await store.reader.next_rows(),
        wallet=wallet.key,
        registry_chain=settings.registry_chain,
        limits=relay_limits(settings),
        facts=facts,
        upload_tokens=upload_tokens,
        is_disk_low=disk.is_low,
    )


def make_enroller(
    settings: Settings,
    base_url: BaseUrl,
    token: RelayToken,
    wallet: Wallet,
    registry: ShopReg,
    relay: Relay,
    disk: DiskGuard,
) -> Enroller:
    """Make what decides about new key cards."""
    return Enroller(
        base_url=base_url,
        relay_token=token.token_id,
        relay_key=wallet.key.public_key,
        registry=registry,
        policy=AdmissionPolicy(settings.shop_admission, frozenset(settings.shops)),
        is_served=relay.is_served,
        admit=relay.admit,
        now=utc_now,
        is_disk_low=disk.is_low,
    )
