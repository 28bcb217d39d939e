"""A shop in the making, and what is known about several objects at once."""

from minirelay.shop.working_set import WorkingSet
from tests.shop.patching import INVENTORY, LISTING, MANIFEST, TAG, number, shop

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
    (LISTING, number(1), LISTING_VALUE),
    (TAG, b"t", {"Name": "t", "ListingIDs": [1]}),
    (TAG, b"u", {"Name": "u", "ListingIDs": []}),
    (INVENTORY, number(1), 5),
)


def test_names_of_variations_are_collected_over_all_options() -> None:
    working = WorkingSet(STATE)

    assert working.variation_names(number(1)) == {"a", "b"}
    assert working.variation_names(number(9)) == set()


def test_stock_is_a_plain_number() -> None:
    working = WorkingSet(STATE)

    assert working.inventory.look(number(1)) == 5
    working.inventory.put(number(1), 2**64 - 1)
    (change,) = working.changes()
    assert change.value == bytes.fromhex("1bffffffffffffffff")


def test_changes_come_from_all_types() -> None:
    working = WorkingSet(STATE)
    working.listings.put(number(1), None)
    working.tags.put(b"t", None)
    manifest = working.manifests.edit(b"")
    assert manifest is working.manifest
    assert manifest is not None
    manifest.payees = {}

    changes = {(change.object_type, change.key, change.value is None) for change in working.changes()}
    assert changes == {(MANIFEST, b"", False), (LISTING, number(1), True), (TAG, b"t", True)}
