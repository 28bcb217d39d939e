"""Spec 06 "Commit": who gets stock, for how long; against a naive model of all orders."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from minirelay.errors import Code, Refusal
from minirelay.protocol.ids import NOBODY
from minirelay.shop.canonical import read
from minirelay.shop.draft import Draft
from minirelay.shop.objects import OrderedItem
from minirelay.shop.reservation_changes import ReservationChanges, ReservationLimits
from minirelay.shop.reservations import NEVER, Hold, Reservation, Reservations
from minirelay.shop.state import inventory_key
from tests.shop.checkouts import (
    COMMITTED,
    DAY,
    GUEST,
    HOUR,
    INV,
    NOW,
    OPEN,
    UNPAID,
    CheckoutShop,
    a_shop,
    add_order,
    address,
    cancel,
    choose,
    item,
    listing,
    move,
    nf,
    oos,
    what,
)
from tests.shop.checkouts import LIMITS as CHECKOUT_LIMITS
from tests.shop.patching import NATIVE, TOKEN, number

CARD = GUEST
LIMITS = CHECKOUT_LIMITS.reservations
SHIRT, CAP, HIDDEN, GONE = 1, 2, 3, 9
RED, PLAIN = inventory_key(SHIRT, ("red",)), inventory_key(CAP)
STOCK = Draft(
    a_shop(
        [listing(SHIRT, 1, "red", "blue"), listing(CAP), listing(HIDDEN, state=0)],
        {RED: 3, PLAIN: 10, inventory_key(HIDDEN): 5},
    )
)


def items(*wanted: dict[str, object]) -> list[OrderedItem]:
    return [read(OrderedItem, one) for one in wanted]  # type: ignore[arg-type]


class Orders:
    """Orders whose reservations change one by one."""

    def __init__(self, limits: ReservationLimits = LIMITS) -> None:
        self.base = Reservations()
        self.limits = limits
        self.now = NOW

    def change(self) -> ReservationChanges:
        return ReservationChanges(self.base, self.now, self.limits)

    def commit(self, order: int, *wanted: dict[str, object], card: int = CARD) -> None:
        changes = self.change()
        changes.commit(number(order), card, items(*wanted), STOCK)
        self.base.enter(changes.changed)

    def choose(self, order: int, *wanted: dict[str, object]) -> None:
        changes = self.change()
        changes.choose(number(order), CARD, items(*wanted), STOCK)
        self.base.enter(changes.changed)

    def hold(self, order: int, hold: Hold) -> None:
        changes = self.change()
        changes.hold(number(order), CARD, hold)
        self.base.enter(changes.changed)

    def refused(self, *wanted: dict[str, object], card: int = CARD) -> tuple[Code, int | None]:
        with pytest.raises(Refusal) as caught:
            self.commit(99, *wanted, card=card)
        return what(caught.value)

    def holds(self, order: int) -> bool:
        return bool(self.change().units(number(order)))


# -- what is refused


def test_stock_is_promised_once() -> None:
    orders = Orders()
    orders.commit(5, item(SHIRT, 2, "red"))

    assert orders.refused(item(SHIRT, 2, "red")) == oos(SHIRT)
    orders.commit(6, item(SHIRT, 1, "red"))
    assert orders.refused(item(SHIRT, 1, "red")) == oos(SHIRT)


def test_items_of_the_same_thing_are_summed() -> None:
    both_orders = item(SHIRT, 2, "red"), item(CAP, 1), item(SHIRT, 2, "red")

    assert Orders().refused(*both_orders) == oos(SHIRT)
    Orders().commit(5, item(SHIRT, 2, "red"), item(SHIRT, 1, "red"))


@pytest.mark.parametrize(
    ("wanted", "outcome"),
    [
        ([], INV),
        ([item(CAP, 0), item(GONE, 0)], INV),
        ([item(GONE)], nf(GONE)),
        ([item(HIDDEN)], nf(HIDDEN)),
        ([item(SHIRT, 1, "green")], nf(SHIRT)),
        ([item(SHIRT, 1, "blue")], oos(SHIRT)),
        ([item(SHIRT)], oos(SHIRT)),
        ([item(CAP, 11)], oos(CAP)),
    ],
)
def test_what_can_not_be_committed(wanted: list[dict[str, object]], outcome: object) -> None:
    assert Orders().refused(*wanted) == outcome


@pytest.mark.parametrize(
    ("wanted", "outcome"),
    [
        ([item(CAP, 11), item(GONE)], oos(CAP)),
        ([item(GONE), item(CAP, 11)], nf(GONE)),
        ([item(CAP, 6), item(HIDDEN), item(CAP, 6)], oos(CAP)),
        ([item(GONE, 0), item(CAP, 1), item(SHIRT, 1, "blue"), item(HIDDEN)], oos(SHIRT)),
    ],
)
def test_the_first_item_that_fails_is_named(wanted: list[dict[str, object]], outcome: object) -> None:
    assert Orders().refused(*wanted) == outcome


def test_a_guest_reserves_so_many_units_at_most() -> None:
    orders = Orders(ReservationLimits(lasts_s=HOUR, units_per_card=5))
    orders.commit(5, item(CAP, 3))

    assert orders.refused(item(CAP, 3)) == INV
    assert orders.refused(item(CAP, 8)) == oos(CAP)
    orders.commit(6, item(CAP, 3), card=8)
    orders.commit(7, item(CAP, 4), card=NOBODY)


# -- how long it lasts


def test_money_that_is_short_holds_it_for_six_hours_more_once() -> None:
    orders = Orders()
    orders.choose(5, item(CAP))
    orders.hold(5, Hold.SHORT)
    orders.now += 7 * HOUR - 1
    assert orders.holds(5)
    orders.now += 1
    assert not orders.holds(5)

    orders.choose(5, item(CAP))
    orders.now += HOUR - 1
    assert orders.holds(5)
    orders.now += 1
    assert not orders.holds(5)


def test_money_that_is_seen_holds_it_as_long_as_it_is_seen() -> None:
    orders = Orders()
    orders.choose(5, item(CAP))
    orders.hold(5, Hold.SEEN)
    orders.now += 30 * DAY
    assert orders.holds(5)
    orders.hold(5, Hold.NONE)

    assert not orders.holds(5)


def test_money_that_comes_too_late_holds_nothing() -> None:
    orders = Orders()
    orders.choose(5, item(CAP))
    orders.now += HOUR
    orders.hold(5, Hold.SEEN)

    assert not orders.holds(5)


def test_money_that_was_there_before_holds_the_next_reservation() -> None:
    orders = Orders()
    orders.choose(5, item(CAP))
    orders.now += HOUR
    orders.hold(5, Hold.SHORT)
    orders.choose(5, item(CAP))
    orders.now += 7 * HOUR - 1

    assert orders.holds(5)


def test_a_clock_that_is_set_back_brings_nothing_back() -> None:
    orders = Orders()
    orders.commit(5, item(CAP, 10))
    orders.commit(6, item(SHIRT, 1, "red"))
    orders.hold(6, Hold.SEEN)
    orders.now += HOUR
    orders.base.clear(orders.now)
    orders.hold(6, Hold.NONE)
    orders.now -= HOUR

    assert not orders.holds(6)
    orders.commit(7, item(CAP, 10))
    assert orders.base.row(number(7)) == Reservation(CARD, ((PLAIN, 10),), NOW + 2 * HOUR)


def test_what_a_write_found_lapsed_does_not_come_back_when_the_clock_is_set_back() -> None:
    orders = Orders()
    orders.commit(5, item(CAP, 10))
    orders.now += HOUR
    orders.commit(6, item(CAP, 10))
    orders.now -= 1

    assert (orders.holds(5), orders.holds(6)) == (False, True)


def test_a_clerks_closing_ends_it_at_once() -> None:
    orders = Orders()
    orders.commit(5, item(CAP, 10))
    changes = orders.change()
    changes.close(number(5))
    assert changes.of_stock(PLAIN) == 0
    assert orders.holds(5)
    orders.base.enter(changes.changed)

    assert not orders.holds(5)


def test_what_changes_is_what_is_to_be_stored() -> None:
    orders = Orders()
    changes = orders.change()
    changes.commit(number(5), CARD, items(item(SHIRT, 1, "red"), item(CAP, 2)), STOCK)
    assert changes.changed == {number(5): Reservation(CARD, ((RED, 1), (PLAIN, 2)), NOW + HOUR)}
    changes.reopen(number(5))
    assert changes.changed == {number(5): Reservation(CARD, (), NOW + HOUR)}
    changes.close(number(5))

    assert changes.changed == {number(5): None}


# -- what an order may take when it is paid


@pytest.mark.parametrize(
    ("own", "others", "stock", "quantity", "takes"),
    [
        (2, 3, 10, 2, 2),
        (0, 3, 10, 2, 2),
        (0, 9, 10, 2, 1),
        (0, 10, 10, 2, 0),
        (2, 8, 10, 2, 2),
        (2, 8, 5, 2, 2),
        (2, 8, 1, 2, 1),
        (2, 0, 5, 5, 5),
        (2, 2, 5, 5, 3),
        (0, 0, 0, 2, 0),
    ],
)
def test_what_a_paid_order_takes(own: int, others: int, stock: int, quantity: int, takes: int) -> None:
    rows = {}
    if own:
        rows[number(5)] = Reservation(CARD, ((PLAIN, own),), NEVER)
    if others:
        rows[number(6)] = Reservation(CARD, ((PLAIN, others),), NEVER)
    changes = ReservationChanges(Reservations(rows), NOW, LIMITS)

    assert changes.takeable(number(5), PLAIN, quantity, stock) == takes


# -- against a naive model


@dataclass
class Known:
    """An order as the model has it. requests: coin and TTL."""

    quantity: int
    state: int = OPEN
    units: int = 0
    end: int = 0
    is_chosen: bool = False
    hold: Hold = Hold.NONE
    extended: int = 0
    requests: list[tuple[bytes, int]] = field(default_factory=list)

    def lapses(self) -> int:
        if self.hold is Hold.SEEN:
            return NEVER
        return max(self.end, self.extended) if self.hold is Hold.SHORT else self.end

    def extend(self) -> None:
        if self.hold is Hold.SHORT and self.units and not self.extended:
            self.extended = self.end + 6 * HOUR


class Interleaved(RuleBasedStateMachine):
    """Orders for one thing, of which there are five."""

    stock = 5

    def __init__(self) -> None:
        super().__init__()
        self.shop = CheckoutShop(a_shop([listing(CAP)], {PLAIN: self.stock}))
        self.known: dict[int, Known] = {}
        self.count = 0

    def some(self, data: st.DataObject, *states: int) -> int | None:
        fitting = [order for order, one in self.known.items() if one.state in states]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    def others(self) -> int:
        return sum(one.units for one in self.known.values())

    @rule(quantity=st.integers(1, 4))
    @precondition(lambda self: len(self.known) < 6)
    def create(self, quantity: int) -> None:
        self.count += 1
        self.shop.write(GUEST, add_order(self.count, item(CAP, quantity)), address(self.count))
        self.known[self.count] = Known(quantity)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        order = self.some(data, OPEN)
        if order is None:
            return
        one = self.known[order]
        if one.quantity + self.others() > self.stock:
            assert what(self.shop.refused(GUEST, move(order, COMMITTED))) == oos(CAP)
            return
        self.shop.write(GUEST, move(order, COMMITTED))
        one.state, one.units = COMMITTED, one.quantity
        one.end = one.end if one.end > self.shop.now else self.shop.now + HOUR

    @rule(data=st.data())
    def reopen(self, data: st.DataObject) -> None:
        order = self.some(data, COMMITTED)
        if order is not None:
            self.shop.write(GUEST, move(order, OPEN))
            self.known[order].state, self.known[order].units = OPEN, 0

    @rule(data=st.data(), coin=st.sampled_from([NATIVE, TOKEN]))
    def choose(self, data: st.DataObject, coin: bytes) -> None:
        order = self.some(data, COMMITTED, UNPAID)
        if order is None:
            return
        one, now = self.known[order], self.shop.now
        is_new = not any(known == coin and ttl - now >= DAY // 2 for known, ttl in one.requests)
        if is_new and not one.units and one.quantity + self.others() > self.stock:
            assert what(self.shop.refused(GUEST, *choose(order, coin))) == oos(CAP)
            return
        if is_new and sum(ttl >= now for _, ttl in one.requests) >= 10:
            assert what(self.shop.refused(GUEST, *choose(order, coin))) == INV
            return
        self.shop.write(GUEST, *choose(order, coin))
        one.state = UNPAID
        if is_new:
            one.requests.append((coin, self.shop.details(order)["TTL"]))
            if not one.units or not one.is_chosen:
                one.units, one.end, one.is_chosen = one.quantity, now + HOUR, True
                one.extend()

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = self.some(data, OPEN, COMMITTED, UNPAID)
        if order is not None:
            self.shop.write(GUEST, *cancel(order))
            del self.known[order]

    @rule(data=st.data(), hold=st.sampled_from(Hold))
    def money(self, data: st.DataObject, hold: Hold) -> None:
        order = self.some(data, UNPAID)
        if order is not None:
            reservations = self.shop.records.reservations
            changes = ReservationChanges(reservations, self.shop.now, LIMITS)
            changes.hold(number(order), GUEST, hold)
            reservations.enter(changes.changed)
            self.known[order].hold = hold
            self.known[order].extend()
            self.lapse()

    @rule(seconds=st.sampled_from([1, 1799, 1800, HOUR, 6 * HOUR, DAY // 2]), clears=st.booleans())
    def wait(self, seconds: int, clears: bool) -> None:
        self.shop.now += seconds
        self.lapse()
        if clears:
            self.shop.records.clear(self.shop.now)

    def lapse(self) -> None:
        for one in self.known.values():
            if one.lapses() <= self.shop.now:
                one.units = 0

    @invariant()
    def reserved_is_what_the_model_has_and_never_more_than_there_is(self) -> None:
        assert self.shop.reserved(PLAIN) == self.others() <= self.stock
        assert self.shop.records.reservations.of_card(GUEST, self.shop.now) == self.others()
        assert self.shop.records.live_orders.of_card(GUEST) == len(self.known)

    def teardown(self) -> None:
        assert self.shop.replayed().root_hash == self.shop.state.root_hash


TestInterleaved = Interleaved.TestCase
TestInterleaved.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
