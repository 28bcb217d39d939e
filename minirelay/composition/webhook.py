"""The operator's webhook: what is kept for it, and the task that posts it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minirelay.chain.endpoint import open_http
from minirelay.chain.wallet import Wallet
from minirelay.config.settings import Settings
from minirelay.event_loop import end_tasks
from minirelay.operations.webhook_delivery import WebhookBounds, WebhookDelivery, tell_of
from minirelay.operations.webhook_post import WebhookPoster
from minirelay.operations.webhook_signature import read_secret
from minirelay.relay.clock import utc_now
from minirelay.store.database import Store


async def keep_events(settings: Settings, store: Store) -> None:
    """Let events be kept of what the webhook is to be told; without a webhook, none."""
    wanted = settings.webhook_events if settings.webhook_url is not None else ()
    await tell_of(store, frozenset(wanted))


@asynccontextmanager
async def webhook(settings: Settings, store: Store, wallet: Wallet) -> AsyncIterator[None]:
    """Post events while the block runs, if there is a webhook. Raises ConfigError."""
    url, secret_file, limits = settings.webhook_url, settings.webhook_secret_file, settings.limits
    if url is None or secret_file is None:
        yield
        return
    bounds = WebhookBounds(
        most_at_once=limits.webhook_posts, most_kept=limits.webhook_events, retry_s=limits.webhook_retry
    )
    secret = read_secret(secret_file)
    async with open_http() as http:
        poster = WebhookPoster(http, url, secret, utc_now, timeout_s=limits.webhook_timeout)
        delivery = WebhookDelivery(
            store, poster, wallet.key.address, bounds, now=utc_now, monotonic=time.monotonic
        )
        task = asyncio.create_task(delivery.run())
        try:
            yield
        finally:
            await end_tasks(task)
