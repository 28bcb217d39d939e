"""Which leaves a subscription sees: roles, filters, ownership (spec 05)."""

import itertools
import random

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.envelope import MAX_FILTERS, Filter
from minirelay.protocol.objects import ObjectType
from minirelay.relay.view import View, make_view
from minirelay.shop.access import PUBLIC_TYPES, Role, may_see
from minirelay.store.messages import EMPTY_COUNTS, Leaf, Selection, StoredSet

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


def leaf(object_type: ObjectType, object_id: bytes = LISTING, owner: int = 0) -> Leaf:
    return Leaf(object_type, object_id, owner)


@pytest.mark.parametrize("object_type", list(ObjectType))
@pytest.mark.parametrize("owner", [ME, OTHER, 0])
@pytest.mark.parametrize("role", [Role.VISITOR, Role.GUEST, Role.CLERK])
def test_without_filters_a_role_sees_what_the_table_says(
    role: Role, object_type: ObjectType, owner: int
) -> None:
    is_order = object_type is ObjectType.ORDER
    one = leaf(object_type, ORDER_1, owner if is_order else 0)
    assert view(role).holds(one) == may_see(role, object_type, is_order and owner == ME)


def test_filters_are_a_union() -> None:
    both = view(Role.CLERK, Filter(ObjectType.TAG), Filter(ObjectType.LISTING, LISTING))
    assert both.holds(leaf(ObjectType.TAG, b"sale"))
    assert both.holds(leaf(ObjectType.LISTING))
    assert not both.holds(leaf(ObjectType.LISTING, ORDER_1))
    assert not both.holds(leaf(ObjectType.INVENTORY))


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


def test_a_guest_gets_its_own_orders_only() -> None:
    orders = view(Role.GUEST, Filter(ObjectType.ORDER))
    assert orders.holds(leaf(ObjectType.ORDER, ORDER_1, ME))
    assert not orders.holds(leaf(ObjectType.ORDER, ORDER_2, OTHER))
    assert not orders.holds(leaf(ObjectType.LISTING))


def test_a_guest_may_name_its_own_order() -> None:
    one = view(Role.GUEST, Filter(ObjectType.ORDER, ORDER_1))
    assert one.holds(leaf(ObjectType.ORDER, ORDER_1, ME))
    # the same id, created again by somebody else
    assert not one.holds(leaf(ObjectType.ORDER, ORDER_1, OTHER))
    assert not one.holds(leaf(ObjectType.ORDER, ORDER_2, ME))


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


def test_counts_and_selections_agree_with_a_scan() -> None:
    draw = random.Random(11)
    ids = {one: [bytes(7) + bytes([n]) for n in range(1, 4)] for one in ObjectType}
    log: list[StoredSet] = []
    counts = EMPTY_COUNTS
    for seq in range(1, 200):
        leaves = tuple(
            leaf(one, draw.choice(ids[one]), draw.choice([0, ME, OTHER]) if one is ObjectType.ORDER else 0)
            for one in draw.choices(list(ObjectType), k=draw.randint(1, 4))
        )
        counts = counts.plus(leaves, 10)
        log.append(StoredSet(seq, leaves, counts, b"", 1))
    for role, size in itertools.product([Role.GUEST, Role.CLERK], range(4)):
        types = [ObjectType.LISTING, ObjectType.TAG, ObjectType.ORDER]
        filters = [
            Filter(one, draw.choice([None, ids[one][0]] if one is not ObjectType.ORDER else [None]))
            for one in draw.choices(types, k=size)
        ]
        seen = view(role, *filters)
        start = draw.randrange(0, 150)
        expected = sum(len(seen.leaves_of(one)) for one in log[start:])
        before = log[start - 1].counts if start else EMPTY_COUNTS
        by_index = sum(
            any(selects(one, each) for one in seen.selections())
            for each_set in log[start:]
            for each in each_set.leaves
        )
        assert seen.count_types(before, counts) + by_index == expected


def selects(selection: Selection, one: Leaf) -> bool:
    return (
        selection.object_type is one.object_type
        and selection.object_id in (None, one.object_id)
        and selection.owner in (0, one.owner)
    )


def test_the_public_types_are_four() -> None:
    assert view(Role.VISITOR).types == PUBLIC_TYPES
    assert len(PUBLIC_TYPES) == 4
    assert not view(Role.VISITOR).selections()
    three = StoredSet(1, (leaf(ObjectType.TAG),) * 3, EMPTY_COUNTS, b"", 1)
    assert view(Role.CLERK).leaves_of(three) == range(3)


def test_without_orders_a_guest_sees_what_a_visitor_sees() -> None:
    assert view(Role.GUEST).without_orders() == view(Role.VISITOR)
    assert view(
        Role.GUEST, Filter(ObjectType.ORDER, ORDER_1), Filter(ObjectType.TAG)
    ).without_orders() == view(Role.VISITOR, Filter(ObjectType.TAG))
    for role in (Role.VISITOR, Role.CLERK):
        one = view(role)
        assert one.without_orders() is one


def test_a_subscription_has_a_bounded_number_of_filters() -> None:
    view(Role.CLERK, *(Filter(1),) * MAX_FILTERS)
    assert refusal(Role.CLERK, *(Filter(1),) * (MAX_FILTERS + 1)).code == Code.INVALID
