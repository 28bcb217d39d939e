"""The bounds that the running relay keeps, and where each comes from in the settings (spec 01, 05)."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from minirelay.config.settings import Settings
from minirelay.relay.client_write import WriteLimits
from minirelay.relay.filter_quota import FilterLimits
from minirelay.relay.outbox import OutboxLimits
from minirelay.relay.session import SessionLimits
from minirelay.relay.write_turns import FACTS_TIMEOUT_S
from minirelay.shop.checkout_records import CheckoutLimits
from minirelay.shop.object_sizes import ObjectLimits
from minirelay.shop.reservation_changes import ReservationLimits


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The bounds of one connection. unanswered_bytes: with such long writes unanswered, nothing is read."""

    session: SessionLimits
    outbox: OutboxLimits
    filters: FilterLimits
    subscriptions: int
    unanswered_bytes: int


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """The bounds of a relay. shop_memory_bytes: of shops in use. session_memory_bytes: of all sessions.

    facts_timeout_s: how long a write waits for facts at most.
    """

    connection: ConnectionLimits
    guest_cards_per_shop: int
    writes: WriteLimits
    shop_memory_bytes: int
    session_memory_bytes: int
    facts_timeout_s: float


def relay_limits(settings: Settings) -> RelayLimits:
    """Return the bounds that these settings ask for.

    Sizes become plain numbers: clients are told of them in bytes.
    """
    limits = settings.limits
    return RelayLimits(
        connection=_connection_limits(settings),
        guest_cards_per_shop=limits.guest_cards_per_shop,
        writes=WriteLimits(
            clock_skew=timedelta(seconds=settings.clock_skew),
            objects=ObjectLimits(int(limits.order_size), int(limits.object_size)),
            checkout=_checkout_limits(settings),
            work=limits.set_work,
            guest_patches=limits.guest_set_patches,
            log_bytes=int(limits.shop_log),
        ),
        shop_memory_bytes=limits.shop_memory,
        session_memory_bytes=limits.session_memory,
        facts_timeout_s=FACTS_TIMEOUT_S,
    )


def _checkout_limits(settings: Settings) -> CheckoutLimits:
    limits = settings.limits
    return CheckoutLimits(
        reservations=ReservationLimits(
            # Times of orders are whole seconds; one shorter than that would reserve nothing.
            lasts_s=ceil(settings.reservation),
            units_per_card=limits.guest_reserved_units,
        ),
        orders_per_card=limits.guest_live_orders,
        requests_per_order=limits.order_payment_requests,
        requests_per_card_a_day=limits.guest_payment_requests,
    )


def _connection_limits(settings: Settings) -> ConnectionLimits:
    limits = settings.limits
    return ConnectionLimits(
        session=SessionLimits(
            open_requests=limits.open_requests,
            unacknowledged_pushes=limits.unacknowledged_pushes,
            ping_interval_s=settings.ping_interval,
            kick_timeout_s=settings.kick_timeout,
        ),
        outbox=OutboxLimits(limits.unsent_pushes, limits.unread_answers),
        filters=FilterLimits(int(limits.filter_id), int(limits.session_filters)),
        subscriptions=limits.subscriptions_per_session,
        unanswered_bytes=limits.unanswered_writes,
    )
