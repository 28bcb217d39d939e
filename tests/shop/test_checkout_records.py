"""The records of a shop's checkout, entered as writes are accepted."""

import pytest
from msgspec.structs import replace

from minirelay.shop.checkout_records import CheckoutChanges, CheckoutRecords
from minirelay.shop.issued_requests import IssuedRequests, RequestState
from minirelay.shop.live_orders import LiveOrder
from minirelay.shop.reservations import Hold, Reservation, Reservations
from minirelay.shop.state import inventory_key
from minirelay.shop.work import Work
from tests.shop.checkouts import (
    CLERK,
    COMMITTED,
    DAY,
    GUEST,
    HOUR,
    LIMITS,
    NOW,
    CheckoutShop,
    a_shop,
    add_order,
    buy,
    cancel,
    item,
    listing,
    move,
)
from tests.shop.issued import issued
from tests.shop.patching import number, patch

CAP = 1
PLAIN = inventory_key(CAP)


def a_checkout() -> CheckoutShop:
    return CheckoutShop(a_shop([listing(CAP)], {PLAIN: 10}))


def test_an_order_that_the_relay_closes_holds_nothing_and_waits_for_nothing() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, item(CAP)))
    changes = CheckoutChanges(shop.records, shop.now, shop.limits)
    changes.close(number(5))
    done = changes.finish()
    assert done.closed == (number(5),)
    assert (done.reservations, done.live_orders) == ({number(5): None}, {number(5): None})
    before = shop.records.size_bytes
    shop.records.enter(done)

    assert shop.records.size_bytes < before
    assert shop.reserved(PLAIN) == 0
    assert shop.requests(5) == ()
    assert shop.records.live_orders.of_card(GUEST) == 0


def test_an_order_that_is_created_again_is_another() -> None:
    shop = a_checkout()
    shop.write(GUEST, add_order(5, item(CAP)))
    outcome = shop.write(GUEST, patch("remove", "Orders", 5), *buy(5, item(CAP, 2)))

    assert outcome.records.closed == ()
    assert len(shop.requests(5)) == 1
    assert shop.reserved(PLAIN) == 2
    assert shop.records.live_orders.get(number(5)) == LiveOrder(GUEST, ((CAP, None),))


def test_an_order_id_that_another_takes_over_counts_for_that_one() -> None:
    shop = a_checkout()
    shop.write(GUEST, add_order(5, item(CAP)))
    shop.write(CLERK, patch("remove", "Orders", 5), add_order(5, item(CAP)))

    assert shop.records.live_orders.of_card(GUEST) == 0
    assert shop.records.live_orders.get(number(5)) == LiveOrder(CLERK)


def test_a_write_costs_the_same_in_a_shop_with_many_orders() -> None:
    spent = {}
    for others in (0, 3000):
        shop = a_checkout()
        for start in range(1000, 1000 + others, 250):
            shop.write(CLERK, *[add_order(one, item(CAP), state=3) for one in range(start, start + 250)])
        shop.write(GUEST, *buy(5, item(CAP)))
        spent[others] = shop.work.spent

    assert spent[3000] == spent[0]


def test_time_clears_what_nobody_asks_for_any_more() -> None:
    shop = a_checkout()
    shop.write(GUEST, *buy(5, item(CAP)), add_order(6, item(CAP)), move(6, COMMITTED))
    shop.now += HOUR
    assert set(shop.records.clear(shop.now)) == {number(5), number(6)}
    shop.write(GUEST, *cancel(5))
    shop.now += DAY
    assert shop.records.clear(shop.now) == ()
    shop.write(GUEST, *buy(7, item(CAP)))

    assert shop.details(7)["TTL"] == shop.now + DAY


def test_what_is_kept_is_counted_and_given_back() -> None:
    shop = a_checkout()
    sizes = []
    for order in (5, 6):
        shop.write(GUEST, *buy(order, item(CAP)))
        sizes.append(shop.records.size_bytes)
    assert sizes[1] == 2 * sizes[0] > 2000
    shop.write(GUEST, *cancel(5), *cancel(6))
    shop.now += DAY + 2
    shop.records.clear(shop.now)

    assert shop.records.size_bytes == 0


W, SHORT, SEEN = RequestState.WAITING, RequestState.SHORT, RequestState.SEEN


@pytest.mark.parametrize(
    ("hold", "left", "after"),
    [
        (Hold.SEEN, [], Hold.NONE),
        (Hold.SEEN, [W], Hold.NONE),
        (Hold.SEEN, [SEEN], Hold.SEEN),
        # Whether it is at least half of a total, is not known here: it is told again.
        (Hold.SEEN, [SHORT], Hold.NONE),
        (Hold.SHORT, [], Hold.NONE),
        (Hold.SHORT, [W, SHORT], Hold.SHORT),
        (Hold.SHORT, [SEEN], Hold.SHORT),
        (Hold.NONE, [SEEN], Hold.NONE),
    ],
)
def test_a_reservation_is_held_by_what_may_still_settle(
    hold: Hold, left: list[RequestState], after: Hold
) -> None:
    rows = [replace(issued(n), state=state) for n, state in enumerate([RequestState.SUPERSEDED, *left])]
    reserved = {number(5): Reservation(GUEST, ((PLAIN, 1),), NOW + HOUR, hold=hold)}
    records = CheckoutRecords(Reservations(reserved, NOW), requests=IssuedRequests(rows))
    changes = CheckoutChanges(records, NOW, LIMITS)
    changes.review_hold(number(5), GUEST)
    row = changes.reservations.get(number(5))

    assert row is not None
    assert row.hold is after


def test_what_one_write_changed_in_very_many_records_is_entered_in_parts() -> None:
    shop, other = a_checkout(), a_checkout()
    for one in (shop, other):
        for order in range(1, 9):
            one.write(GUEST, *buy(order, item(CAP)))
    changes = CheckoutChanges(shop.records, shop.now, shop.limits)
    for order in range(1, 8):
        changes.close(number(order))
    done = changes.finish()
    # A reservation, a live order and a request each: 1 + 1, 1 + 1 and 1 of seven orders.
    assert sum(1 for _ in shop.records.enter_in_parts(done, most=4)) == 8
    other.records.enter(done)
    assert shop.records.size_bytes == other.records.size_bytes
    assert shop.records.reservations.rows() == other.records.reservations.rows()
    assert (shop.reserved(PLAIN), shop.requests(7), len(shop.requests(8))) == (1, (), 1)
    assert sum(1 for _ in a_checkout().records.enter_in_parts(done, most=100)) == 0


def test_what_becomes_of_requests_is_the_relays_work_and_refuses_nobody() -> None:
    work, own_work = Work(1), Work()
    changes = CheckoutChanges(CheckoutRecords(), NOW, LIMITS, work, own_work)
    changes.requests.put(issued(1), RequestState.WITHDRAWN)
    assert work.spent == 0
    assert own_work.spent > 0
