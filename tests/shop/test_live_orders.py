"""Spec 06: live orders per guest, and the orders that contain what vanishes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.errors import MalformedInput, Refusal
from minirelay.protocol.ids import NOBODY
from minirelay.shop.canonical import dump, read
from minirelay.shop.live_orders import (
    Content,
    LiveOrder,
    LiveOrderChanges,
    LiveOrders,
    live_order,
    load_live_order,
)
from minirelay.shop.objects import Order, OrderedItem
from minirelay.shop.order_states import CLOSED, IN_CHECKOUT, OrderState
from minirelay.shop.work import Work
from tests.shop import random_objects

OPEN, COMMITTED, UNPAID = OrderState.OPEN, OrderState.COMMITTED, OrderState.UNPAID
CARD = 7


def order(state: OrderState, *items: tuple[int, int, list[str]]) -> Order:
    wanted = [OrderedItem(listing_id=one, quantity=many, variation_ids=names) for one, many, names in items]
    return Order(id=1, items=wanted, state=state)


def key(number: int) -> bytes:
    return number.to_bytes(8)


def test_what_an_order_contains_is_known_from_its_commit_to_its_end() -> None:
    orders = LiveOrders()
    shirt = (1, 2, ["red", "large"])
    for state, contained in ((OPEN, False), (COMMITTED, True), (UNPAID, True), (OPEN, False)):
        changes = LiveOrderChanges(orders, 10)
        changes.follow(key(5), order(state, shirt), CARD)
        orders.enter(changes.changed)
        for content in ((1, None), (1, "red"), (1, "large")):
            assert (key(5) in orders.containing(content)) == contained
            assert LiveOrderChanges(orders, 10).containing(content) == ({key(5)} if contained else set())
        assert not orders.containing((1, "blue"))


@given(random_objects.ORDER)
def test_the_canonical_form_tells_the_same_as_the_order(value: Any) -> None:
    whole = read(Order, value)
    found = load_live_order(dump(whole), CARD)
    assert found == live_order(whole, CARD)
    assert (found is None) == (whole.state in CLOSED)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xa3", dump(3), b"\xa3" + dump(order(OPEN))[3:]])
def test_what_is_no_order_is_not_taken_for_one(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        load_live_order(data, CARD)


def test_what_an_order_has_none_of_is_not_in_it() -> None:
    changes = LiveOrderChanges(LiveOrders(), 10)
    changes.follow(key(5), order(COMMITTED, (1, 0, ["red"]), (2, 1, [])), CARD)

    assert changes.containing((1, None)) == changes.containing((1, "red")) == set()
    assert changes.containing((2, None)) == {key(5)}


def test_a_card_has_so_many_live_orders_at_most() -> None:
    orders = LiveOrders({key(1): LiveOrder(CARD)})
    changes = LiveOrderChanges(orders, 2)
    changes.follow(key(2), order(OPEN), CARD)
    with pytest.raises(Refusal, match="at most 2"):
        changes.follow(key(3), order(OPEN), CARD)

    changes = LiveOrderChanges(orders, 2)
    changes.close(key(1))
    for number in (2, 3):
        changes.follow(key(number), order(OPEN), CARD)
    for number in range(10, 20):
        changes.follow(key(number), order(OPEN), NOBODY)
    orders.enter(changes.changed)
    assert orders.of_card(CARD) == 2
    assert orders.of_card(NOBODY) == 0


def test_changes_are_dropped_with_the_write() -> None:
    orders = LiveOrders({key(1): LiveOrder(CARD, ((1, None),))})
    changes = LiveOrderChanges(orders, 2)
    changes.close(key(1))
    assert changes.get(key(1)) is None

    assert orders.containing((1, None)) == {key(1)}
    assert orders.get(key(1)) == LiveOrder(CARD, ((1, None),))


def test_what_is_found_is_what_is_counted() -> None:
    """Not what is in the shop besides."""
    orders = LiveOrders({key(number): LiveOrder(CARD, ((number % 10, None),)) for number in range(1000)})
    work = Work()
    found = LiveOrderChanges(orders, 10, work).containing((3, None))

    assert work.spent == len(found) == 100


STEPS = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from([None, OPEN, COMMITTED, UNPAID]),
        st.sets(st.tuples(st.integers(1, 2), st.sampled_from(["a", "b"])), min_size=1),
        st.booleans(),
    )
)


@given(STEPS)
def test_the_index_finds_what_a_search_finds(
    steps: list[tuple[int, OrderState | None, set[tuple[int, str]], bool]],
) -> None:
    orders, changes = LiveOrders(), LiveOrderChanges(LiveOrders(), 100)
    changes = LiveOrderChanges(orders, 100)
    known: dict[bytes, Order] = {}
    for number, state, contents, is_last in steps:
        before = known.get(key(number))
        if state is None:
            known.pop(key(number), None)
            changes.close(key(number))
        else:
            frozen = before is not None and before.state in IN_CHECKOUT and state in IN_CHECKOUT
            items = [(listing, 1, [name]) for listing, name in sorted(contents)]
            known[key(number)] = order(state, *items)
            if frozen and before is not None:
                known[key(number)].items = before.items
            changes.follow(key(number), known[key(number)], CARD)
        if is_last:
            orders.enter(changes.changed)
            changes = LiveOrderChanges(orders, 100)
        for listing in (1, 2):
            for name in ("a", "b", None):
                assert changes.containing((listing, name)) == search(known, (listing, name))
    orders.enter(changes.changed)
    assert orders.of_card(CARD) == len(known)


def search(known: dict[bytes, Order], content: Content) -> set[bytes]:
    listing, name = content
    return {
        order_id
        for order_id, one in known.items()
        if one.state in IN_CHECKOUT
        for item in one.items
        if item.listing_id == listing and (name is None or name in (item.variation_ids or ()))
    }
