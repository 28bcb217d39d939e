"""The relay, and what tells it of the chains."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from minirelay.composition.foundations import Foundations
from minirelay.composition.payments import open_strays, watch_payments
from minirelay.composition.relay_parts import start_relay
from minirelay.composition.watched_chains import open_mirror, start_polling, watches
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.polling import Polling
from minirelay.payments.settlement import SettlementTerms
from minirelay.relay.relay import Relay


@dataclass(frozen=True, slots=True)
class RunningRelay:
    """A relay that is told of its chains, and listens to nobody yet."""

    relay: Relay
    terms: SettlementTerms
    payments: PaymentWatches
    polling: Polling


@asynccontextmanager
async def run_relay(on: Foundations) -> AsyncIterator[RunningRelay]:
    """Run a relay while the block runs. Raises StoreError."""
    async with AsyncExitStack() as parts:
        enter = parts.enter_async_context
        relay = await start_relay(on.settings, on.store, on.wallet, on.quotes, on.upload_tokens, on.disk)
        terms = SettlementTerms(relay.limits.writes.checkout, tolerance=on.settings.tolerance)
        payments = await enter(
            watch_payments(on.settings, on.chains, on.payment_chains, on.store, relay, terms)
        )
        mirror = await open_mirror(on.settings, relay, on.shop_registry)
        strays = await open_strays(on.settings, on.chains, on.payment_chains, on.store)
        polling = await enter(
            start_polling(on.chains, on.store, on.quotes, partial(watches, payments, mirror, strays))
        )
        yield RunningRelay(relay, terms, payments, polling)
