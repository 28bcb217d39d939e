from datetime import UTC, datetime

import pytest

from minirelay.client import patches as make
from minirelay.errors import Code, Refusal
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.shop.draft import Draft
from minirelay.shop.objects import (
    AddressDetails,
    ChainAddress,
    ListingMetadata,
    ListingOption,
    ListingVariation,
    OrderedItem,
    ShippingRegion,
    ViewState,
)
from minirelay.shop.order_states import OrderState
from minirelay.shop.state import ShopState, id_key, inventory_key, tag_key
from tests.client.logs import CLERK, NOW, SHOP_ID, WALLET, listing, new_shop

COIN = ChainAddress(chain_id=31337, address=bytes(20))
PAYEE = ChainAddress(chain_id=31337, address=b"\x99" * 20)
HOME = AddressDetails(
    name="Ann", address1="1 Road", city="Town", postal_code="1", country="DE", email_address="ann@example.com"
)


def applied(*patches: NewPatch) -> Draft:
    """Apply patches, as signed, to a shop with a clerk and a guest."""
    sealed = seal_patch_set(patches, shop_id=SHOP_ID, key_card_nonce=1, timestamp=NOW, key=CLERK)
    draft = Draft(new_shop().state)
    for patch in open_patch_set(sealed).patches:
        draft.apply(patch)
    return draft


def state_of(draft: Draft) -> ShopState:
    return draft.finish()[0]


def test_ids_are_never_zero_and_fit() -> None:
    ids = {make.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(0 < one < 2**64 for one in ids)


def test_a_listing_is_added_as_it_is() -> None:
    thing = listing(7)
    thing.options = {
        "size": ListingOption(
            title="Size",
            variations={
                "large": ListingVariation(variation_info=ListingMetadata(title="L", description="Large"))
            },
        )
    }
    assert applied(*make.add_listing(thing)).listing(id_key(7)) == thing


def test_a_listing_is_removed() -> None:
    draft = applied(*make.add_listing(listing(7)), *make.remove_listing(7))
    assert draft.listing(id_key(7)) is None


def test_price_and_view_state_are_set() -> None:
    draft = applied(
        *make.add_listing(listing(7)), *make.set_price(7, 2**200), *make.set_view_state(7, ViewState.DELETED)
    )
    found = draft.listing(id_key(7))
    assert found is not None
    assert (found.price, found.view_state) == (2**200, ViewState.DELETED)


def test_tags_get_listings() -> None:
    draft = applied(
        *make.add_listing(listing(7)),
        *make.add_listing(listing(8)),
        *make.add_tag("mugs", [7]),
        *make.tag_listing("mugs", 8),
    )
    tag = draft.tag(tag_key("mugs"))
    assert tag is not None
    assert (tag.name, tag.listing_ids) == ("mugs", [7, 8])


def test_stock_is_added_from_nothing_and_taken() -> None:
    draft = applied(*make.add_listing(listing(7)), *make.add_stock(7, 10), *make.take_stock(7, 3))
    assert draft.stock(inventory_key(7)) == 7


def test_more_stock_than_there_is_can_not_be_taken() -> None:
    with pytest.raises(Refusal) as caught:
        applied(*make.add_listing(listing(7)), *make.add_stock(7, 1), *make.take_stock(7, 3))
    assert (caught.value.code, caught.value.object_id) == (Code.OUT_OF_STOCK, 7)


def test_the_manifest_gets_currencies_payees_and_regions() -> None:
    region = ShippingRegion(country="DE", postal_code="", city="")
    manifest = applied(
        *make.accept_currency(COIN),
        *make.add_payee(PAYEE, call_as_contract=True),
        *make.add_shipping_region("home", region),
    ).manifest
    assert manifest is not None
    assert manifest.accepted_currencies == {31337: {bytes(20): {}}}
    assert manifest.payees[31337][PAYEE.address].call_as_contract is True
    assert manifest.shipping_regions is not None
    assert manifest.shipping_regions["home"] == region


def test_a_key_card_is_removed() -> None:
    account = applied(*make.remove_key_card(WALLET, 0)).account(WALLET)
    assert account is not None
    assert account.key_cards == []


def test_an_order_goes_from_open_to_payment() -> None:
    item = OrderedItem(listing_id=7, quantity=2)
    draft = applied(
        *make.accept_currency(COIN),
        *make.add_payee(PAYEE),
        *make.add_listing(listing(7)),
        *make.add_order(5),
        *make.add_item(5, item),
        *make.set_shipping_address(5, HOME),
        *make.commit_order(5),
        *make.choose_payment(5, COIN, PAYEE),
    )
    order = draft.order(id_key(5))
    assert order is not None
    assert order.items == [item]
    assert order.shipping_address == HOME
    assert order.state is OrderState.PAYMENT_CHOSEN
    assert order.chosen_currency == COIN
    assert order.chosen_payee is not None
    assert order.chosen_payee.address == PAYEE


def test_an_order_may_come_with_its_items() -> None:
    item = OrderedItem(listing_id=7, quantity=2)
    order = applied(*make.add_listing(listing(7)), *make.add_order(5, [item])).order(id_key(5))
    assert order is not None
    assert (order.items, order.state) == ([item], OrderState.OPEN)


@pytest.mark.parametrize("at", [None, datetime(2025, 6, 1, 9, 0, 0, 999, tzinfo=UTC)])
def test_an_order_is_canceled(at: datetime | None) -> None:
    order = applied(*make.add_order(5), *make.cancel_order(5, at)).order(id_key(5))
    assert order is not None
    assert order.state is OrderState.CANCELED
    assert order.canceled_at is not None
    assert at is None or order.canceled_at == NOW


def test_they_add_up_to_one_set() -> None:
    together = make.add_listing(listing(7)) + make.add_stock(7, 1)
    assert [patch.path[0] for patch in together] == ["Listings", "Inventory"]
    assert state_of(applied(*together)).get(ObjectType.LISTING, id_key(7))
