from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.shop.canonical import read
from minirelay.shop.draft import Draft
from minirelay.shop.objects import OrderedItem
from minirelay.shop.sellable import require_sellable, wanted_items
from tests.shop.patching import LISTING, number, shop

INFO = {"Title": "x", "Description": "x"}
VALUE: dict[str, Any] = {
    "ID": 7,
    "Price": 5,
    "Metadata": INFO,
    "ViewState": 1,
    "Options": {
        "size": {"Title": "Size", "Variations": {"s": {"VariationInfo": INFO}, "m": {"VariationInfo": INFO}}},
        "color": {"Title": "Color", "Variations": {"red": {"VariationInfo": INFO}}},
    },
}


def item(*variations: str, quantity: int = 1) -> OrderedItem:
    return read(OrderedItem, {"ListingID": 7, "Quantity": quantity, "VariationIDs": list(variations)})


def draft(value: dict[str, Any] | None = VALUE) -> Draft:
    return Draft(shop(*([] if value is None else [(LISTING, number(7), value)])))


def assert_not_found(value: dict[str, Any] | None, one: OrderedItem) -> None:
    with pytest.raises(Refusal) as caught:
        require_sellable(draft(value), one)
    assert (caught.value.code, caught.value.object_id) == (Code.NOT_FOUND, 7)


@pytest.mark.parametrize("one", [item(), item("m"), item("red", "s")])
def test_published_listing_with_its_variations_is_sold(one: OrderedItem) -> None:
    assert require_sellable(draft(), one).price == 5


def test_listing_that_does_not_exist_is_not_found() -> None:
    assert_not_found(None, item())


@pytest.mark.parametrize("view_state", [0, 2])
def test_listing_that_is_not_published_is_not_found(view_state: int) -> None:
    assert_not_found(VALUE | {"ViewState": view_state}, item())


@pytest.mark.parametrize("names", [("xl",), ("m", "xl"), ("M",), ("Size",)])
def test_variation_that_the_listing_does_not_have_is_not_found(names: tuple[str, ...]) -> None:
    assert_not_found(VALUE, item(*names))


def test_items_of_quantity_0_are_not_wanted() -> None:
    items = [item(quantity=2), item(quantity=0), item("m")]
    assert list(wanted_items(items)) == [items[0], items[2]]
