"""Filters become views, or are refused (spec 05 "Subscriptions")."""

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.envelope import MAX_FILTERS, Filter
from minirelay.protocol.objects import ObjectType
from minirelay.relay.view import make_view
from minirelay.shop.access import Role
from minirelay.shop.visibility import View, view_of

ME, OTHER = 4, 9
ORDER_1, ORDER_2 = bytes(7) + b"\x01", bytes(7) + b"\x02"
LISTING = bytes(7) + b"\x07"
OWNERS = {ORDER_1: ME, ORDER_2: OTHER}


def view(role: Role, *filters: Filter) -> View:
    return make_view(role, 0 if role is Role.VISITOR else ME, filters, OWNERS.get)


def refusal(role: Role, *filters: Filter) -> Refusal:
    with pytest.raises(Refusal) as caught:
        view(role, *filters)
    assert caught.value.message
    return caught.value


def test_a_whole_type_swallows_its_single_objects() -> None:
    both = view(Role.CLERK, Filter(ObjectType.LISTING, LISTING), Filter(ObjectType.LISTING))
    assert both == view(Role.CLERK, Filter(ObjectType.LISTING))
    mine = view(Role.GUEST, Filter(ObjectType.ORDER, ORDER_1), Filter(ObjectType.ORDER))
    assert mine == view(Role.GUEST, Filter(ObjectType.ORDER))


@pytest.mark.parametrize("role", [Role.VISITOR, Role.GUEST])
@pytest.mark.parametrize("object_id", [None, LISTING])
def test_inventory_is_for_clerks_only(role: Role, object_id: bytes | None) -> None:
    refused = refusal(role, Filter(ObjectType.INVENTORY, object_id))
    assert (refused.code, "not allowed" in refused.message) == (Code.INVALID, True)


@pytest.mark.parametrize("object_id", [None, ORDER_1])
def test_a_visitor_may_not_ask_for_orders(object_id: bytes | None) -> None:
    refused = refusal(Role.VISITOR, Filter(ObjectType.ORDER, object_id))
    assert (refused.code, "not allowed" in refused.message) == (Code.INVALID, True)


def test_a_guest_may_name_its_own_order() -> None:
    assert view(Role.GUEST, Filter(ObjectType.ORDER, ORDER_1)) == view_of(
        Role.GUEST, ME, types=(), objects={(ObjectType.ORDER, ORDER_1)}
    )


@pytest.mark.parametrize("role", [Role.VISITOR, Role.GUEST, Role.CLERK])
def test_without_filters_a_role_gets_all_that_it_may_see(role: Role) -> None:
    assert view(role) == view_of(role, ME)


def test_filters_are_a_union() -> None:
    both = view(Role.CLERK, Filter(ObjectType.TAG), Filter(ObjectType.LISTING, LISTING))
    assert both == view_of(Role.CLERK, types={ObjectType.TAG}, objects={(ObjectType.LISTING, LISTING)})


def test_whether_an_order_is_its_own_is_asked_for_guests_only() -> None:
    def ask(_: bytes) -> int:
        raise AssertionError("the head of the shop was asked")

    named = [Filter(ObjectType.LISTING, LISTING), Filter(ObjectType.ORDER, ORDER_1)]
    make_view(Role.CLERK, ME, named, ask)
    make_view(Role.GUEST, ME, [*named[:1], Filter(ObjectType.ORDER)], ask)


@pytest.mark.parametrize("object_id", [ORDER_2, bytes(8)])
def test_a_guest_naming_another_order_is_not_authenticated(object_id: bytes) -> None:
    assert refusal(Role.GUEST, Filter(ObjectType.ORDER, object_id)).code == Code.NOT_AUTHENTICATED


@pytest.mark.parametrize("object_type", [0, 7, -1, 2**31 - 1])
def test_an_unknown_object_type_is_invalid(object_type: int) -> None:
    assert refusal(Role.CLERK, Filter(object_type)).code == Code.INVALID


@pytest.mark.parametrize(
    ("object_type", "size"),
    [
        *((one, size) for one in (1, 3, 6) for size in (0, 7, 9, 20)),
        *((4, size) for size in (0, 8, 19, 21)),
        (2, 0),
        *((5, size) for size in (0, 8, 20)),
    ],
)
def test_an_object_id_of_the_wrong_length_is_invalid(object_type: int, size: int) -> None:
    assert refusal(Role.CLERK, Filter(object_type, bytes(size))).code == Code.INVALID


def test_one_bad_filter_refuses_them_all() -> None:
    assert refusal(Role.CLERK, Filter(1), Filter(0)).code == Code.INVALID
    assert refusal(Role.GUEST, Filter(1), Filter(6)).code == Code.INVALID


def test_a_subscription_has_a_bounded_number_of_filters() -> None:
    view(Role.CLERK, *(Filter(1),) * MAX_FILTERS)
    assert refusal(Role.CLERK, *(Filter(1),) * (MAX_FILTERS + 1)).code == Code.INVALID
