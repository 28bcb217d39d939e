"""What the store has to write of an applied set."""

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.push import decode_set
from minirelay.relay.entry import ENTRY_BYTES, Entry, make_entry
from minirelay.shop.ownership import Author
from minirelay.shop.patch_application import apply_patch_set
from minirelay.shop.state import ShopState
from minirelay.store.messages import ObjectRow
from tests.shop.authors import (
    ADDRESS,
    CLERK,
    GUEST,
    ITEM,
    KEY,
    OPEN_ORDER,
    ORDER,
    SHOP,
    Spec,
    sealed,
    with_order,
)


def write(
    author: Author, *patches: Spec, state: ShopState = SHOP, owners: dict[bytes, int] | None = None
) -> Entry:
    patch_set, before = sealed(*patches), owners or {}
    applied = apply_patch_set(state, before, author, patch_set)
    return make_entry(state, before, author, patch_set, applied, 9)


def test_leaves_name_the_objects_as_filters_do() -> None:
    made = write(
        CLERK,
        ("replace", ("Listings", 1, "Price"), 7),
        ("add", ("Tags", "sale\0"), {"Name": "sale", "ListingIDs": [1]}),
        ("add", ("Inventory", 1), 3),
        ("add", ("Orders", 5), OPEN_ORDER),
        ("add", ("Orders", 5, "InvoiceAddress"), ADDRESS),
    )
    assert [(leaf.object_type, leaf.object_id) for leaf in made.leaves] == [
        (ObjectType.LISTING, (1).to_bytes(8)),
        (ObjectType.TAG, b"sale\0"),
        (ObjectType.INVENTORY, (1).to_bytes(8)),
        (ObjectType.ORDER, ORDER),
        (ObjectType.ORDER, ORDER),
    ]


def test_an_order_made_again_just_as_it_was_still_changes_hands() -> None:
    state, owners = with_order()
    made = write(
        CLERK, ("remove", ("Orders", 5), None), ("add", ("Orders", 5), OPEN_ORDER), state=state, owners=owners
    )
    assert made.applied.state.root_hash == state.root_hash
    value = state.get(ObjectType.ORDER, ORDER)
    assert made.changes == (ObjectRow(ObjectType.ORDER, ORDER, value, NOBODY),)


def test_rows_of_orders_name_the_guest_that_created_them() -> None:
    made = write(GUEST, ("add", ("Orders", 5), OPEN_ORDER), ("append", ("Orders", 5, "Items"), ITEM))
    assert [leaf.owner for leaf in made.leaves] == [7, 7]
    assert [(row.object_type, row.owner) for row in made.changes] == [(ObjectType.ORDER, 7)]
    state, owners = with_order()
    for author in (CLERK, GUEST):
        made = write(author, ("append", ("Orders", 5, "Items"), ITEM), state=state, owners=owners)
        assert (made.leaves[0].owner, made.changes[0].owner) == (7, 7)


def test_an_entry_has_the_set_as_it_is_pushed_and_what_its_author_used() -> None:
    made = write(CLERK, ("replace", ("Listings", 1, "Price"), 7))
    assert decode_set(made.wire).seq == 9
    assert (made.nonce, made.author, made.signer) == (1, CLERK, KEY.public_key)


def test_what_comes_and_goes_is_weighed() -> None:
    added = write(CLERK, ("add", ("Orders", 5), OPEN_ORDER))
    value = added.applied.state.get(ObjectType.ORDER, ORDER)
    assert value is not None
    assert added.growth_bytes == ENTRY_BYTES + len(ORDER) + len(value)
    state, owners = with_order()
    removed = write(CLERK, ("remove", ("Orders", 5), None), state=state, owners=owners)
    assert removed.growth_bytes == -added.growth_bytes
