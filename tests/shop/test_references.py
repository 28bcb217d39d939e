"""What objects say of each other."""

from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.shop.canonical import read
from minirelay.shop.objects import ChainAddress, Order, OrderedItem, Payee
from minirelay.shop.references import (
    check_item,
    check_items,
    check_order,
    has_listing,
    is_accepted,
    is_payee,
    require_listing,
)
from minirelay.shop.working_set import WorkingSet
from tests.shop.patching import LISTING, NATIVE, PAYEE, TOKEN, number, shop

INFO = {"VariationInfo": {"Title": "x", "Description": "x"}}
LISTING_VALUE = {
    "ID": 1,
    "Price": 1,
    "Metadata": {"Title": "x", "Description": "x"},
    "ViewState": 0,
    "Options": {
        "o": {"Title": "O", "Variations": {"a": INFO}},
        "p": {"Title": "P", "Variations": {"b": INFO}},
    },
}
STATE = shop(
    (LISTING, number(1), LISTING_VALUE), (LISTING, number(2**64 - 1), LISTING_VALUE | {"Options": None})
)


@pytest.fixture
def working() -> WorkingSet:
    return WorkingSet(STATE)


def item(listing_id: int, *names: str) -> OrderedItem:
    return OrderedItem(listing_id=listing_id, variation_ids=list(names) or None, quantity=1)


def test_listings_are_found_by_their_number(working: WorkingSet) -> None:
    assert has_listing(working, 1)
    assert has_listing(working, 2**64 - 1)
    assert not has_listing(working, 0)
    require_listing(working, 1)
    with pytest.raises(Refusal) as caught:
        require_listing(working, 5)
    assert (caught.value.code, caught.value.object_id) == (Code.NOT_FOUND, 5)


def test_an_item_is_of_a_listing_and_its_variations(working: WorkingSet) -> None:
    check_items(working, [item(1), item(1, "a"), item(1, "b", "a"), item(2**64 - 1)])
    for one in (item(3), item(1, "a", "c"), item(1, "o"), item(2**64 - 1, "a")):
        with pytest.raises(Refusal) as caught:
            check_item(working, one)
        assert (caught.value.code, caught.value.object_id) == (Code.NOT_FOUND, one.listing_id)


def test_the_first_item_that_is_wrong_is_named(working: WorkingSet) -> None:
    with pytest.raises(Refusal) as caught:
        check_items(working, [item(1), item(7), item(8)])
    assert caught.value.object_id == 7


def test_payees_and_currencies_are_those_of_the_manifest(working: WorkingSet) -> None:
    def at(chain: int, address: bytes) -> ChainAddress:
        return ChainAddress(chain_id=chain, address=address)

    assert is_payee(working, Payee(address=at(1337, PAYEE), call_as_contract=True))
    assert not is_payee(working, Payee(address=at(1, PAYEE), call_as_contract=False))
    assert not is_payee(working, Payee(address=at(1337, TOKEN), call_as_contract=False))
    assert is_accepted(working, at(1, NATIVE))
    assert not is_accepted(working, at(1, TOKEN))
    assert not is_accepted(working, at(2, NATIVE))
    assert not is_accepted(WorkingSet(shop(manifest=None)), at(1, NATIVE))


@pytest.mark.parametrize(
    ("more", "object_id"),
    [
        ({"Items": [{"ListingID": 9, "Quantity": 0}]}, 9),
        ({"ChosenPayee": {"Address": {"ChainID": 1, "Address": PAYEE}}}, None),
        ({"ChosenCurrency": {"ChainID": 1, "Address": PAYEE}}, None),
    ],
)
def test_a_whole_order_names_nothing_that_is_not_there(
    working: WorkingSet, more: dict[str, Any], object_id: int | None
) -> None:
    order: Any = {"ID": 1, "Items": [], "State": 1}
    check_order(working, read(Order, order))
    with pytest.raises(Refusal) as caught:
        check_order(working, read(Order, order | more))
    assert (caught.value.code, caught.value.object_id) == (Code.NOT_FOUND, object_id)
