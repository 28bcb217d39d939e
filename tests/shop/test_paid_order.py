from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import Refusal
from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.canonical import load
from minirelay.shop.checkout_records import CheckoutChanges
from minirelay.shop.draft import Draft
from minirelay.shop.objects import Order, OrderPaid
from minirelay.shop.ownership import RELAY_ITSELF
from minirelay.shop.paid_order import PaidOrder, paid_order, record_patch
from minirelay.shop.state import inventory_key
from minirelay.shop.work import Work, WorkExceeded
from tests.shop.checkouts import (
    CLERK,
    COMMITTED,
    GUEST,
    HOUR,
    LIMITS,
    CheckoutShop,
    a_shop,
    add_order,
    address,
    apply,
    buy,
    item,
    listing,
    move,
    relay_patch,
)
from tests.shop.patching import ORDER, number, patch

PAID_IN = OrderPaid(block_hash=b"\x0b" * 32, tx_hash=b"\x0c" * 32)
CAP, SHIRT = inventory_key(1), inventory_key(2, ("l", "red"))


def selling(cap: int = 10, shirt: int = 10) -> CheckoutShop:
    return CheckoutShop(a_shop([listing(1), listing(2, 500, "red", "l", "blue")], {CAP: cap, SHIRT: shirt}))


def pay(
    shop: CheckoutShop, order: int = 5, paid_in: OrderPaid = PAID_IN, work: Work | None = None
) -> PaidOrder:
    """Make the patches of an order, and write them."""
    changes = CheckoutChanges(shop.records, shop.now, LIMITS)
    data = shop.state.get(ORDER, number(order))
    assert data is not None
    found = paid_order(
        Draft(shop.state), changes.reservations, number(order), load(Order, data), paid_in, work
    )
    changes.close(number(order))
    shop.state = apply(shop.state, shop.owners, RELAY_ITSELF, map(relay_patch, found.patches)).state
    shop.records.enter(changes.finish())
    return found


def test_stock_then_block_then_state_in_the_order_of_the_items() -> None:
    shop = selling()
    shop.write(GUEST, *buy(5, item(2, 3, "red", "l"), item(1, 2), item(2, 0, "blue")))
    assert pay(shop).patches == (
        NewPatch("decrement", ("Inventory", 2, "red", "l"), 3),
        NewPatch("decrement", ("Inventory", 1), 2),
        NewPatch("add", ("Orders", 5, "TxDetails"), {"TxHash": b"\x0c" * 32, "BlockHash": b"\x0b" * 32}),
        NewPatch("replace", ("Orders", 5, "State"), 6),
    )
    assert shop.order(5)["State"] == 6
    assert shop.reserved(CAP) == shop.reserved(SHIRT) == 0


def test_a_hash_that_is_not_known_is_left_out_never_null() -> None:
    shop = selling()
    shop.write(GUEST, *buy(5, item(1)))
    patches = pay(shop, paid_in=OrderPaid(block_hash=b"\x0b" * 32)).patches
    assert patches[1] == NewPatch("add", ("Orders", 5, "TxDetails"), {"BlockHash": b"\x0b" * 32})


def test_an_inert_record_is_replaced() -> None:
    shop = selling()
    inert: Any = {"TxDetails": {"TxHash": bytes(32), "BlockHash": bytes(32)}}
    shop.write(GUEST, add_order(5, item(1), **inert), address(5), move(5, COMMITTED), *buy(5, item(1))[3:])
    assert pay(shop).patches[1].op == "replace"
    assert shop.order(5)["TxDetails"]["BlockHash"] == b"\x0b" * 32


def test_what_others_reserved_is_left_to_them_and_the_order_is_paid_all_the_same() -> None:
    shop = selling(cap=5)
    shop.write(GUEST, *buy(5, item(1, 4)))
    shop.now += 2 * HOUR
    shop.write(CLERK, *buy(6, item(1, 3)))
    found = pay(shop)
    assert found.patches[0] == NewPatch("decrement", ("Inventory", 1), 2)
    assert found.missing == 2
    assert pay(shop, 6).missing == 0


def test_what_a_clerk_took_is_missing() -> None:
    shop = selling(cap=5)
    shop.write(GUEST, *buy(5, item(1, 4)))
    shop.write(CLERK, patch("replace", "Inventory", 1, value=1))
    found = pay(shop)
    assert (found.patches[0].value, found.missing) == (1, 3)
    assert shop.order(5)["State"] == 6


def test_nothing_is_taken_from_what_is_gone_or_empty() -> None:
    shop = selling(cap=5)
    shop.write(GUEST, *buy(5, item(1, 4), item(2, 1, "red", "l")))
    shop.write(CLERK, patch("remove", "Inventory", 1))
    shop.write(CLERK, patch("replace", "Inventory", 2, "red", "l", value=0))
    found = pay(shop)
    assert [one.path[0] for one in found.patches] == ["Orders", "Orders"]
    assert found.missing == 5


def test_the_same_twice_in_an_order_is_taken_together() -> None:
    shop = selling(cap=5)
    shop.write(GUEST, *buy(5, item(1, 2), item(1, 3)))
    shop.write(CLERK, patch("replace", "Inventory", 1, value=4))
    found = pay(shop)
    assert [one.value for one in found.patches[:2]] == [2, 2]
    assert found.missing == 1


def test_numbers_are_in_their_shortest_form() -> None:
    shop = selling()
    shop.write(GUEST, *buy(5, item(1, 3)))
    for one in pay(shop).patches:
        encoded = cbor2.dumps(one.value)
        assert encoded == cbor2.dumps(cbor2.loads(encoded), canonical=True)
        assert not isinstance(one.value, int) or one.value < 2**64


def test_a_record_names_a_block_that_took_the_place_of_another() -> None:
    shop = selling()
    shop.write(GUEST, *buy(5, item(1)))
    pay(shop)
    data = shop.state.get(ORDER, number(5))
    assert data is not None
    again = record_patch(number(5), load(Order, data), OrderPaid(block_hash=b"\x0d" * 32))
    assert again == NewPatch("replace", ("Orders", 5, "TxDetails"), {"BlockHash": b"\x0d" * 32})


def test_items_are_counted_as_work() -> None:
    shop = selling()
    shop.write(GUEST, *buy(5, item(1, 3)))
    with pytest.raises(WorkExceeded):
        pay(shop, work=Work(0))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=6),
    st.integers(0, 12),
    st.integers(0, 2 * HOUR),
    st.permutations(range(6)),
)
def test_no_stock_is_sold_twice(
    orders: list[tuple[int, int]], left: int, later: int, turns: list[int]
) -> None:
    """However much a clerk takes, and whatever has lapsed: all that is paid takes what was there at most."""
    shop = selling(cap=12)
    made = []
    for name, (first, second) in enumerate(orders, 5):
        try:
            shop.write(GUEST, *buy(name, item(1, first), item(1, second)))
        except Refusal:
            continue
        made.append(name)
    shop.write(CLERK, patch("replace", "Inventory", 1, value=left))
    shop.now += later
    taken = 0
    for turn in turns:
        if turn < len(made):
            name = made[turn]
            found = pay(shop, name)
            decrements = [one.value for one in found.patches if one.op == "decrement"]
            amounts = [one for one in decrements if isinstance(one, int)]
            assert sum(amounts) + found.missing == sum(orders[name - 5])
            taken += sum(amounts)
    assert taken <= left
