"""What keeps an eye on a running relay, and the operator's commands.

To add a part is to write its function beside what it is made of, and to enter it in `operate`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from minirelay.chain.registration import Registration
from minirelay.chain.wallet_lock import WalletLock
from minirelay.composition.foundations import Foundations
from minirelay.composition.metering import metering
from minirelay.composition.operator_listeners import open_operator_listeners
from minirelay.composition.payments import auto_sweep, make_sweepers
from minirelay.composition.registry import anchor_runner, anchoring, token_checks
from minirelay.composition.relay_parts import backups, stock_alerts
from minirelay.composition.running_relay import RunningRelay
from minirelay.composition.watched_chains import readiness
from minirelay.composition.webhook import webhook
from minirelay.event_loop import end_tasks
from minirelay.operations.backup_schedule import BackupSchedule
from minirelay.operations.backup_views import BackupViews
from minirelay.operations.lasting_alerts import Check, LastingAlerts
from minirelay.operations.live_status import LiveStatus
from minirelay.operations.log_ring import log_kept
from minirelay.operations.operator import Operator
from minirelay.operations.payment_decisions import PaymentDecisions
from minirelay.operations.payment_views import PaymentViews
from minirelay.operations.prices import Prices
from minirelay.operations.registering import Registering
from minirelay.operations.shop_views import ShopViews
from minirelay.operations.sweeps import Sweeps
from minirelay.operations.trouble_checks import failing_backups, low_disk, slow_clock, stuck_chains
from minirelay.payments.sweeping import Sweeper
from minirelay.protocol.ids import show_token
from minirelay.relay.clock import utc_now
from minirelay.store.high_water import HIGH_WATER_FILE
from minirelay.store.meta_table import MetaTable
from minirelay.store.reader import Reader
from minirelay.web.admin.alerts import AlertsApi
from minirelay.web.admin.app import AdminApi, Extra
from minirelay.web.admin.backups import BackupsApi
from minirelay.web.admin.blobs import BlobsApi
from minirelay.web.admin.events import EventsApi
from minirelay.web.admin.log import LogApi
from minirelay.web.admin.login import LoginLinks
from minirelay.web.admin.metrics import MetricsApi
from minirelay.web.admin.page import PageApi
from minirelay.web.admin.payments import PaymentsApi
from minirelay.web.admin.prices import PricesApi
from minirelay.web.admin.registering import RegisteringApi
from minirelay.web.admin.settings import SettingsApi
from minirelay.web.admin.shops import ShopsApi
from minirelay.web.admin.status import StatusApi
from minirelay.web.admin.sweeps import SweepsApi

ExtraMaker = Callable[[Reader], Extra]
"""Makes what the operator can ask of a relay beyond what each has; it is given what reads the database."""


@dataclass(frozen=True, slots=True)
class Operations:
    """What keeps an eye on a relay, as far as others need it.

    token_lost: done, with a ConfigError, if the wallet turns out not to own the relay's token.
    """

    token_lost: asyncio.Task[None]
    login_links: LoginLinks


@asynccontextmanager
async def operate(
    on: Foundations, running: RunningRelay, make_extra: ExtraMaker | None = None
) -> AsyncIterator[Operations]:
    """Keep an eye on a relay while the block runs. make_extra: see `serve`. Raises ConfigError."""
    settings = on.settings
    async with AsyncExitStack() as parts:
        enter = parts.enter_async_context
        await enter(webhook(settings, on.store, on.wallet))
        await enter(stock_alerts(running.relay))
        sweepers = make_sweepers(settings, on.chains, on.payment_chains, on.store, on.wallet)
        await enter(auto_sweep(settings, sweepers, on.store, on.quotes))
        await enter(_anchoring(on, running))
        schedule = parts.enter_context(backups(settings, on.disk))
        await enter(lasting_alerts(on, running, schedule))
        token_lost = parts.enter_context(token_checks(on.token_service, on.token, settings))
        watched = await enter(metering(on, running))
        ring = parts.enter_context(log_kept(settings.log_bounds, settings.limits.admin_log_lines))
        backup_views = BackupViews(schedule, settings.backup.file, settings.backup.keep)
        parts.push_async_callback(backup_views.close)
        extras = [] if make_extra is None else [make_extra(on.store.reader)]
        live = LiveStatus(watched.status.document, settings.limits.admin_streams)
        apis = [
            PageApi(is_development=bool(extras)),
            *_admin_apis(on, running, sweepers),
            MetricsApi(watched.exposition),
            StatusApi(watched.status, watched.history),
            EventsApi(live),
            LogApi(ring),
            BackupsApi(backup_views),
        ]
        links = await enter(open_operator_listeners(settings, apis, running.relay.memory, live.close, extras))
        yield Operations(token_lost, links)


def _admin_apis(on: Foundations, running: RunningRelay, sweepers: Mapping[int, Sweeper]) -> list[AdminApi]:
    """List what the operator can ask of a running relay: each concern is a file in `web/admin/`."""
    operator = Operator(on.store, on.blobs, utc_now)
    return [
        AlertsApi(operator),
        BlobsApi(operator, on.blobs),
        SettingsApi(on.settings, {"relay_token_id": show_token(on.token.token_id)}),
        PaymentsApi(
            PaymentDecisions(on.store.reader, running.payments, running.terms, utc_now),
            PaymentViews(on.store.reader),
        ),
        PricesApi(Prices(on.quotes.market)),
        ShopsApi(ShopViews(running.relay)),
        SweepsApi(Sweeps(on.store.reader, sweepers)),
        RegisteringApi(
            Registering(
                Registration(on.token_service, on.shop_registry), on.settings.registry_chain, on.base_url
            )
        ),
    ]


@asynccontextmanager
async def _anchoring(on: Foundations, running: RunningRelay) -> AsyncIterator[None]:
    lock = WalletLock(MetaTable(on.store), on.wallet, on.settings.registry_chain)
    make = partial(
        anchor_runner, on.settings, on.wallet, on.token.token_id, lock, on.shop_registry, running.relay
    )
    async with anchoring(on.settings, make):
        yield


@asynccontextmanager
async def lasting_alerts(
    on: Foundations, running: RunningRelay, schedule: BackupSchedule | None
) -> AsyncIterator[None]:
    """Raise alerts of what lasts for a while, and end them, while the block runs."""
    settings, polling = on.settings, running.polling

    def heads() -> list[int]:
        # The time of a development chain is whatever its user wants.
        return [
            one.head_time
            for one in polling.statuses()
            if one.head_time is not None and not settings.is_development_chain(one.chain_id)
        ]

    checks: list[Check] = [
        lambda: low_disk(on.disk),
        lambda: stuck_chains(readiness(settings, polling)),
        lambda: slow_clock(utc_now, heads, settings.data_dir / HIGH_WATER_FILE, settings.clock_skew),
    ]
    if schedule is not None:
        checks.append(lambda: failing_backups(schedule))
    looking = asyncio.create_task(LastingAlerts(on.store, checks, utc_now).run())
    try:
        yield
    finally:
        await end_tasks(looking)
