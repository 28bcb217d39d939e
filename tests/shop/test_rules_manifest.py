"""Spec 04 "Manifest", row by row."""

from typing import Any

import pytest

from minirelay.errors import Code
from tests.shop.patching import (
    INV,
    MANIFEST_VALUE,
    NATIVE,
    OTHER_PAYEE,
    PAYEE,
    SAME,
    TOKEN,
    Row,
    applied,
    becomes,
    check_row,
    loses,
    nf,
    patch,
    refused,
    row,
    shop,
)

SHOP = shop()
NEW = b"\x99" * 20
REGION = {"Country": "DE", "PostalCode": "", "City": ""}
MODIFIED = REGION | {
    "PriceModifiers": {
        "vat": {"ModificationPercent": 119},
        "post": {"ModificationAbsolute": {"Amount": 2**256 - 1, "Plus": True}},
    }
}
M = "Manifest"


def manifest_with(**fields: Any) -> dict[str, Any]:
    return MANIFEST_VALUE | fields


ROWS = [
    # The whole manifest
    row("replace", [M], SAME, MANIFEST_VALUE),
    row("replace", [M], becomes(manifest_with(Payees={})), manifest_with(Payees={})),
    row("replace", [M], becomes({}, "Payees"), manifest_with(Payees=None), "null-payees"),
    row("replace", [M], INV, manifest_with(ShopID=8), "another-shop-id"),
    row("replace", [M], INV, manifest_with(PricingCurrency=None), "no-pricing-currency"),
    row("replace", [M], INV, manifest_with(Payees={1: {b"short": {}}}), "short-address"),
    row("replace", [M], INV, None, "null"),
    row("replace", [M], INV, 5, "no-map"),
    row("add", [M], INV, MANIFEST_VALUE),
    row("remove", [M], INV),
    row("append", [M], INV, MANIFEST_VALUE),
    row("increment", [M, "ShopID"], INV, 1),
    row("decrement", [M, "Unknown"], INV, 1),
    # One field
    row(
        "replace",
        [M, "PricingCurrency"],
        becomes({"ChainID": 1, "Address": NATIVE}, "PricingCurrency"),
        {"ChainID": 1, "Address": NATIVE},
    ),
    row("replace", [M, "PricingCurrency"], INV, {"ChainID": 0, "Address": NATIVE}, "chain-0"),
    row("replace", [M, "PricingCurrency"], INV, {"ChainID": 1, "Address": NATIVE + b"x"}, "21-bytes"),
    row("replace", [M, "PricingCurrency"], INV, None, "null"),
    row("replace", [M, "PricingCurrency", "ChainID"], INV, 1),
    row("replace", [M, "Payees"], becomes({1: {NEW: {"CallAsContract": False}}}, "Payees"), {1: {NEW: {}}}),
    row("replace", [M, "Payees"], becomes({}, "Payees"), None, "null"),
    row("replace", [M, "Payees"], INV, {"1": {}}, "text-for-a-chain"),
    row("replace", [M, "Payees"], INV, [], "a-list"),
    row(
        "replace",
        [M, "AcceptedCurrencies"],
        becomes({5: {NEW: {}}}, "AcceptedCurrencies"),
        {5: {NEW: {"any": "thing"}}},
    ),
    row("replace", [M, "ShippingRegions"], becomes({"x": MODIFIED}, "ShippingRegions"), {"x": MODIFIED}),
    row("replace", [M, "ShippingRegions"], loses("ShippingRegions"), {}, "empty"),
    row("replace", [M, "ShippingRegions"], INV, {"x": {"Country": "DE"}}, "incomplete"),
    row("replace", [M, "ShopID"], INV, 2**255 + 7),
    row("replace", [M, "ShopId"], INV, 2**255 + 7),
    row("replace", [M, "payees"], INV, {}, "case-counts-in-paths"),
    row("add", [M, "ShopID"], INV, 1),
    row("remove", [M, "ShopID"], INV),
    row("replace", [M, "Unknown"], INV, 1),
    row("add", [M, "Unknown"], nf(), 1),
    row("remove", [M, "Unknown"], nf()),
    row("add", [M, "Unknown", 5, "deep"], nf(), 1),
    row("add", [M, 5], INV, 1, "a-number-for-a-field"),
    row("add", [M, "PricingCurrency"], INV, {"ChainID": 1, "Address": NATIVE}),
    row("add", [M, "Payees"], INV, {}),
    row("remove", [M, "Payees"], INV),
    row("remove", [M, "Payees", 1337], INV),
    # Payees
    row(
        "replace",
        [M, "Payees", 1337, PAYEE],
        becomes(True, "Payees", 1337, PAYEE, "CallAsContract"),
        {"CallAsContract": True},
    ),
    row("replace", [M, "Payees", 1337, NEW], nf(), {"CallAsContract": True}),
    row("replace", [M, "Payees", 1, PAYEE], nf(), {"CallAsContract": True}),
    row("replace", [M, "Payees", 1337, NEW], nf(), "wrong too", "absent-before-type"),
    row("replace", [M, "Payees", 1337, PAYEE], INV, True),
    row("replace", [M, "Payees", 1337, PAYEE, "CallAsContract"], INV, True),
    row(
        "add",
        [M, "Payees", 1337, NEW],
        becomes({"CallAsContract": False}, "Payees", 1337, NEW),
        {},
        "flag-missing",
    ),
    row(
        "add",
        [M, "Payees", 9, NEW],
        becomes({NEW: {"CallAsContract": True}}, "Payees", 9),
        {"CallAsContract": True},
    ),
    row("add", [M, "Payees", 1337, PAYEE], INV, {"CallAsContract": True}),
    row("add", [M, "Payees", 1337, NEW[:19]], INV, {"CallAsContract": True}),
    row("add", [M, "Payees", 1337, NEW + b"x"], INV, {"CallAsContract": True}),
    row("add", [M, "Payees", 1337, "text"], INV, {"CallAsContract": True}),
    row("add", [M, "Payees", "1337", NEW], INV, {"CallAsContract": True}),
    row("add", [M, "Payees", 1337, NEW], INV, None, "null"),
    row("remove", [M, "Payees", 1337, PAYEE], loses("Payees", 1337, PAYEE)),
    row("remove", [M, "Payees", 1337, NEW], nf()),
    row("remove", [M, "Payees", 1, PAYEE], nf()),
    # Accepted currencies
    row("replace", [M, "AcceptedCurrencies", 1337, TOKEN], SAME, {}),
    row("replace", [M, "AcceptedCurrencies", 1337, TOKEN], SAME, {"dropped": 1}, "any-map"),
    row("replace", [M, "AcceptedCurrencies", 1337, TOKEN], SAME, None, "null"),
    row("replace", [M, "AcceptedCurrencies", 1337, TOKEN], INV, 1),
    row("replace", [M, "AcceptedCurrencies", 1337, NEW], nf(), {}),
    row("replace", [M, "AcceptedCurrencies", 4, TOKEN], nf(), {}),
    row("add", [M, "AcceptedCurrencies", 1, TOKEN], becomes({}, "AcceptedCurrencies", 1, TOKEN), {}),
    row(
        "add", [M, "AcceptedCurrencies", 1, TOKEN], becomes({}, "AcceptedCurrencies", 1, TOKEN), None, "null"
    ),
    row("add", [M, "AcceptedCurrencies", 4, TOKEN], becomes({TOKEN: {}}, "AcceptedCurrencies", 4), {}),
    row("add", [M, "AcceptedCurrencies", 1337, TOKEN], INV, {}),
    row("remove", [M, "AcceptedCurrencies", 1337, TOKEN], loses("AcceptedCurrencies", 1337, TOKEN)),
    row(
        "remove", [M, "AcceptedCurrencies", 1, NATIVE], loses("AcceptedCurrencies", 1), note="the-chains-last"
    ),
    row("remove", [M, "AcceptedCurrencies", 1337, NEW], nf()),
    row("remove", [M, "AcceptedCurrencies", 4, NATIVE], INV),
    # Shipping regions
    row(
        "replace",
        [M, "ShippingRegions", "default"],
        becomes(MODIFIED, "ShippingRegions", "default"),
        MODIFIED,
    ),
    row("replace", [M, "ShippingRegions", "germany"], nf(), MODIFIED),
    row("replace", [M, "ShippingRegions", "default", "Country"], INV, "DE"),
    row("replace", [M, "ShippingRegions", 1], INV, REGION),
    row("add", [M, "ShippingRegions", "germany"], becomes(REGION, "ShippingRegions", "germany"), REGION),
    row("add", [M, "ShippingRegions", ""], becomes(REGION, "ShippingRegions", ""), REGION, "an-empty-name"),
    row("add", [M, "ShippingRegions", "default"], INV, REGION),
    row("add", [M, "ShippingRegions", "germany"], INV, {"Country": "DE", "City": ""}, "incomplete"),
    row("remove", [M, "ShippingRegions", "default"], loses("ShippingRegions")),
    row("remove", [M, "ShippingRegions", "germany"], nf()),
    row("remove", [M, "ShippingRegions"], INV),
]


@pytest.mark.parametrize("one", ROWS, ids=str)
def test_row(one: Row) -> None:
    check_row(SHOP, one, b"")


def test_a_chain_goes_with_its_last_payee() -> None:
    bare = shop(manifest=manifest_with(Payees={1: {PAYEE: {}}, 1337: {OTHER_PAYEE: {}}}))

    check_row(bare, row("remove", [M, "Payees", 1, PAYEE], loses("Payees", 1)), b"")


BARE = shop(manifest={name: value for name, value in MANIFEST_VALUE.items() if name != "ShippingRegions"})


def test_first_shipping_region_can_be_added_to_a_manifest_without_any() -> None:
    check_row(
        BARE,
        row("add", [M, "ShippingRegions", "first"], becomes({"first": REGION}, "ShippingRegions"), REGION),
        b"",
    )


def test_without_regions_removing_one_is_invalid_and_replacing_one_not_found() -> None:
    check_row(BARE, row("remove", [M, "ShippingRegions", "default"], INV), b"")
    check_row(BARE, row("replace", [M, "ShippingRegions", "default"], nf(), REGION), b"")


def test_regions_removed_one_by_one_count_as_no_regions() -> None:
    last = patch("remove", M, "ShippingRegions", "default")

    assert refused(SHOP, last, last).code is Code.INVALID
    assert applied(SHOP, last, patch("add", M, "ShippingRegions", "default", value=REGION)) == shop(
        manifest=manifest_with(ShippingRegions={"default": REGION})
    )


def test_a_shop_without_a_manifest_accepts_its_creation_only() -> None:
    empty = shop(manifest=None)

    for one in (
        patch("replace", M, "Payees", value={}),
        patch("add", M, "Payees", 1, PAYEE, value={}),
        patch("remove", M, "Unknown"),
        patch("add", "Accounts", PAYEE, value={"KeyCards": [], "Guest": False}),
        patch("replace", "Listings", 1, "Price", value=1),
    ):
        assert refused(empty, one).code is Code.INVALID
    assert applied(empty, patch("replace", M, value=MANIFEST_VALUE)) == SHOP
