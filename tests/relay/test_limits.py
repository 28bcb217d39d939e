"""The bounds of a relay are settings."""

from minirelay.config.loading import fixed_layer, load
from minirelay.relay.filter_quota import FilterLimits
from minirelay.relay.limits import relay_limits
from minirelay.relay.outbox import OutboxLimits
from minirelay.shop.checkout_records import CheckoutLimits
from minirelay.shop.object_sizes import ObjectLimits
from minirelay.shop.reservation_changes import ReservationLimits


def test_limits_are_those_of_the_settings() -> None:
    loaded = load(
        fixed_layer(
            "test",
            ping_interval="2s",
            kick_timeout="7s",
            clock_skew="11s",
            limits__open_requests=3,
            limits__unacknowledged_pushes=4,
            limits__subscriptions_per_session=5,
            limits__guest_cards_per_shop=6,
            limits__filter_id=12,
            limits__session_filters=13,
            limits__order_size=14,
            limits__object_size=15,
            limits__set_work=16,
            limits__guest_set_patches=17,
            limits__shop_memory="7MiB",
            limits__unsent_pushes=8,
            limits__unread_answers=9,
            limits__unanswered_writes=10,
            limits__session_memory="11MiB",
            reservation="1500ms",
            limits__guest_live_orders=18,
            limits__guest_reserved_units=19,
            limits__order_payment_requests=20,
            limits__guest_payment_requests=21,
        )
    )
    limits = relay_limits(loaded)
    session = limits.connection.session
    assert (session.ping_interval_s, session.kick_timeout_s) == (2, 7)
    assert (session.open_requests, session.unacknowledged_pushes) == (3, 4)
    assert (limits.connection.subscriptions, limits.guest_cards_per_shop) == (5, 6)
    assert limits.connection.outbox == OutboxLimits(push_bytes=8, answer_bytes=9)
    assert limits.connection.unanswered_bytes == 10
    assert limits.connection.filters == FilterLimits(id_bytes=12, session_bytes=13)
    assert limits.session_memory_bytes == 11 * 2**20
    assert limits.writes.clock_skew.total_seconds() == 11
    assert limits.writes.objects == ObjectLimits(order_bytes=14, object_bytes=15)
    assert (limits.writes.work, limits.writes.guest_patches) == (16, 17)
    assert limits.shop_memory_bytes == 7 * 2**20
    assert limits.writes.checkout == CheckoutLimits(
        reservations=ReservationLimits(lasts_s=2, units_per_card=19),
        orders_per_card=18,
        requests_per_order=20,
        requests_per_card_a_day=21,
    )
