"""Spec 05 "Roles": who may write and see what."""

from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.objects import ObjectType
from minirelay.shop.access import PUBLIC_TYPES, Role, check_patch, may_see
from tests.shop.patching import ACCOUNT, INVENTORY, LISTING, MANIFEST, ORDER, TAG, patch

WALLET = bytes(20)
OTHER_TYPES: list[tuple[Any, ...]] = [
    ("Manifest",),
    ("Manifest", "Payees"),
    ("Listings", 1),
    ("Listings", 1, "Price"),
    ("Tags", "x"),
    ("Tags", "x", "ListingIDs"),
    ("Inventory", 1),
]
ORDERS: list[tuple[Any, ...]] = [("Orders", 1), ("Orders", 1, "State"), ("Orders", 1, "PaymentDetails")]
ACCOUNTS: list[tuple[Any, ...]] = [
    ("Accounts", WALLET),
    ("Accounts", WALLET, "KeyCards"),
    ("Accounts", WALLET, "Guest"),
    ("Accounts", WALLET, "KeyCards", 0, 0),
]
OPS = ["add", "append", "replace", "remove", "increment", "decrement"]


def refusal(role: Role, op: str, *path: Any, owns: bool = False, present: bool = True) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_patch(role, patch(op, *path, value=0), owns=owns, present=present)
    assert caught.value.message
    return caught.value


@pytest.mark.parametrize("path", [*OTHER_TYPES, *ORDERS, *ACCOUNTS])
@pytest.mark.parametrize("op", OPS)
def test_visitor_writes_nothing(op: str, path: tuple[Any, ...]) -> None:
    assert refusal(Role.VISITOR, op, *path, owns=True).code is Code.NOT_AUTHENTICATED


@pytest.mark.parametrize("path", [*OTHER_TYPES, *ACCOUNTS, ("Accounts", WALLET, "KeyCards", 0)])
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("present", [False, True])
def test_guest_writes_nothing_but_orders(op: str, path: tuple[Any, ...], present: bool) -> None:
    refused = refusal(Role.GUEST, op, *path, owns=False, present=present)

    assert refused.code is Code.NOT_FOUND


@pytest.mark.parametrize("path", ORDERS)
@pytest.mark.parametrize("op", OPS)
def test_guest_writes_its_own_orders(op: str, path: tuple[Any, ...]) -> None:
    check_patch(Role.GUEST, patch(op, *path, value=0), owns=True, present=True)


@pytest.mark.parametrize("path", ORDERS)
@pytest.mark.parametrize("op", OPS)
def test_guest_finds_no_order_of_another(op: str, path: tuple[Any, ...]) -> None:
    refused = refusal(Role.GUEST, op, *path, owns=False, present=True)

    assert (refused.code, refused.object_id) == (Code.NOT_FOUND, 1)


@pytest.mark.parametrize("path", ORDERS)
@pytest.mark.parametrize("op", OPS)
def test_guest_creates_an_order_that_does_not_exist_and_does_nothing_else_to_it(
    op: str, path: tuple[Any, ...]
) -> None:
    if op == "add" and path == ("Orders", 1):
        check_patch(Role.GUEST, patch(op, *path, value=0), owns=False, present=False)
    else:
        refused = refusal(Role.GUEST, op, *path, owns=False, present=False)
        assert (refused.code, refused.object_id) == (Code.NOT_FOUND, 1)


@pytest.mark.parametrize("path", [*OTHER_TYPES, *ORDERS])
@pytest.mark.parametrize("op", OPS)
def test_clerk_writes_everything_but_accounts(op: str, path: tuple[Any, ...]) -> None:
    check_patch(Role.CLERK, patch(op, *path, value=0), owns=False, present=False)


@pytest.mark.parametrize("path", ACCOUNTS)
@pytest.mark.parametrize("op", OPS)
def test_clerk_does_not_touch_accounts(op: str, path: tuple[Any, ...]) -> None:
    assert refusal(Role.CLERK, op, *path).code is Code.INVALID


def test_clerk_removes_key_cards_and_nothing_else_from_an_account() -> None:
    path = ("Accounts", WALLET, "KeyCards", 0)

    check_patch(Role.CLERK, patch("remove", *path), owns=False, present=True)
    for op in OPS:
        if op != "remove":
            assert refusal(Role.CLERK, op, *path).code is Code.INVALID
    assert refusal(Role.CLERK, "remove", "Accounts", WALLET, "Guest", 0).code is Code.INVALID


RELAY_MAY: list[tuple[Any, ...]] = [
    ("replace", "Manifest"),
    ("add", "Accounts", WALLET),
    ("append", "Accounts", WALLET, "KeyCards"),
    ("remove", "Accounts", WALLET),
    ("add", "Orders", 1, "PaymentDetails"),
    ("replace", "Orders", 1, "PaymentDetails"),
    ("replace", "Orders", 1, "State"),
    ("add", "Orders", 1, "TxDetails"),
    ("replace", "Orders", 1, "TxDetails"),
    ("add", "Orders", 1, "CanceledAt"),
    ("replace", "Orders", 1, "CanceledAt"),
    ("decrement", "Inventory", 1),
    ("decrement", "Inventory", 1, "a", "b"),
]
RELAY_MUST_NOT: list[tuple[Any, ...]] = [
    ("remove", "Manifest"),
    ("replace", "Manifest", "Payees"),
    ("add", "Manifest", "Payees", 1, WALLET),
    ("replace", "Accounts", WALLET),
    ("remove", "Accounts", WALLET, "KeyCards", 0),
    ("add", "Accounts", WALLET, "KeyCards", 0),
    ("append", "Accounts", WALLET, "Guest"),
    *((op, "Listings", 1) for op in OPS),
    ("replace", "Listings", 1, "Price"),
    *((op, "Tags", "x") for op in OPS),
    *((op, "Orders", 1) for op in OPS),
    ("replace", "Orders", 1, "Items"),
    ("append", "Orders", 1, "Items"),
    ("replace", "Orders", 1, "ChosenPayee"),
    ("add", "Orders", 1, "ShippingAddress"),
    ("remove", "Orders", 1, "PaymentDetails"),
    ("replace", "Orders", 1, "PaymentDetails", "Total"),
    ("increment", "Inventory", 1),
    ("replace", "Inventory", 1),
    ("add", "Inventory", 1),
    ("remove", "Inventory", 1),
]


@pytest.mark.parametrize("one", RELAY_MAY)
def test_relay_writes_what_only_it_can_know(one: tuple[Any, ...]) -> None:
    check_patch(Role.RELAY, patch(*one, value=0), owns=False, present=True)


@pytest.mark.parametrize("one", RELAY_MUST_NOT)
def test_relay_beyond_its_bounds_is_a_bug(one: tuple[Any, ...]) -> None:
    with pytest.raises(RuntimeError, match="the relay must not"):
        check_patch(Role.RELAY, patch(*one, value=0), owns=False, present=True)


SEES = {
    Role.VISITOR: {MANIFEST, ACCOUNT, LISTING, TAG},
    Role.GUEST: {MANIFEST, ACCOUNT, LISTING, TAG},
    Role.CLERK: {MANIFEST, ACCOUNT, LISTING, TAG, ORDER, INVENTORY},
}


@pytest.mark.parametrize("role", SEES)
@pytest.mark.parametrize("object_type", ObjectType)
def test_who_sees_what_is_not_its_own(role: Role, object_type: ObjectType) -> None:
    assert may_see(role, object_type, owns=False) == (object_type in SEES[role])


def test_guest_sees_its_own_orders_and_no_inventory() -> None:
    assert may_see(Role.GUEST, ORDER, owns=True)
    assert not may_see(Role.GUEST, INVENTORY, owns=True)
    assert not may_see(Role.VISITOR, ORDER, owns=True)


def test_public_is_what_a_visitor_sees() -> None:
    assert SEES[Role.VISITOR] == PUBLIC_TYPES
