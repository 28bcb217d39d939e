"""Shops, key cards, payment requests, alerts, events to post: what the database holds."""

from typing import Final

from minirelay.metrics import Families, Series
from minirelay.operations.totals import KnownTotals
from minirelay.relay.shops import Shops

SHOPS: Final = Series("minirelay_shops", "gauge", "Shops that are served.")
IN_MEMORY: Final = Series("minirelay_shops_in_memory", "gauge", "Shops that take memory at the moment.")
SHOP_MEMORY: Final = Series("minirelay_shop_memory_bytes", "gauge", "About what these take.")
LOG_END: Final = Series(
    "minirelay_shop_log_end", "gauge", "Number of a shop's last patch set; of the longest logs.", ("shop",)
)
ROOT: Final = Series(
    "minirelay_shop_root_info",
    "gauge",
    "1: the root hash of such a shop if it is in memory.",
    ("shop", "root"),
)
CARDS: Final = Series("minirelay_key_cards", "gauge", "Key cards, unlinked ones included.", ("role",))
PAYMENTS: Final = Series("minirelay_payment_requests", "gauge", "Payment requests by state.", ("state",))
ALERTS: Final = Series(
    "minirelay_alerts", "gauge", "Alerts that nobody has acknowledged.", ("kind", "is_urgent")
)
EVENTS: Final = Series("minirelay_webhook_events", "gauge", "Events that the webhook has not taken yet.")
SERIES: Final = (SHOPS, IN_MEMORY, SHOP_MEMORY, LOG_END, ROOT, CARDS, PAYMENTS, ALERTS, EVENTS)


class ShopsCollector:
    """What there is, and what of it is in memory."""

    def __init__(self, shops: Shops, totals: KnownTotals) -> None:
        self._shops = shops
        self._totals = totals

    @property
    def series(self) -> tuple[Series, ...]:
        """List what it collects."""
        return SERIES

    async def collect(self) -> Families:
        """Collect it; of the shops, no more than `KnownTotals` names."""
        totals = await self._totals.get()
        sizes = [hosted.size_bytes for hosted in self._shops]
        in_memory = [IN_MEMORY.of(sum(1 for size in sizes if size)), SHOP_MEMORY.of(sum(sizes))]
        if totals is None:
            unknown = (SHOPS, LOG_END, ROOT, CARDS, PAYMENTS, ALERTS, EVENTS)
            return [*in_memory, *(series.by({}) for series in unknown)]
        return [
            *in_memory,
            SHOPS.of(totals.shops),
            LOG_END.by({(str(shop),): last for shop, last in totals.longest.items()}),
            ROOT.by({(str(shop), root): 1 for shop in totals.longest if (root := self._root_of(shop))}),
            CARDS.by({("clerk",): totals.clerk_cards, ("guest",): totals.guest_cards}),
            PAYMENTS.by({(state,): count for state, count in totals.payments.items()}),
            ALERTS.by(
                {(kind, str(urgent).lower()): count for (kind, urgent), count in totals.alerts.items()}
            ),
            EVENTS.of(totals.webhook_events),
        ]

    def _root_of(self, shop_id: int) -> str | None:
        """Return the root hash in hexadecimal if it is known and durable."""
        hosted = self._shops.in_memory(shop_id)
        head = None if hosted is None or not hosted.is_idle else hosted.sequencer.head
        return None if head is None else head.state.root_hash.hex()
