"""Patches on the small shop of `tests.shop.random_patches`, a few for each row of spec 04's tables.

All are well formed, and all but a few are accepted one by one.
"""

from functools import cache
from typing import Any

import cbor2

from tests.shop.patching import NATIVE, PAYEE, TOKEN
from tests.shop.random_patches import (
    ADDRESS,
    CHOICE,
    CHOSEN_ITEM,
    CURRENCY,
    DETAILS,
    INFO,
    ITEM,
    META,
    MODIFIER,
    OPEN_ORDER,
    OPTION,
    PAID,
    PLAIN_LISTING,
    REGION,
    RICH_LISTING,
    RICH_VARIATION,
    SOON,
    STATUS,
    VARIATION,
)

ROWS: list[tuple[str, tuple[Any, ...], Any]] = [
    ("replace", ("Manifest", "PricingCurrency"), CURRENCY),
    ("add", ("Manifest", "Payees", 5, TOKEN), {"CallAsContract": True}),
    ("replace", ("Manifest", "Payees", 1337, PAYEE), {}),
    ("remove", ("Manifest", "AcceptedCurrencies", 1, NATIVE), None),
    ("add", ("Manifest", "ShippingRegions", "r"), REGION | {"PriceModifiers": {"tax": MODIFIER}}),
    ("remove", ("Manifest", "ShippingRegions", "default"), None),
    ("add", ("Accounts", TOKEN), {"KeyCards": [bytes(33)], "Guest": False}),
    ("append", ("Accounts", PAYEE, "KeyCards"), b"\x02" * 33),
    ("remove", ("Accounts", PAYEE, "KeyCards", 0), None),
    ("add", ("Listings", 3), PLAIN_LISTING),
    ("replace", ("Listings", 2), RICH_LISTING),
    ("replace", ("Listings", 1, "Price"), 2**256 - 1),
    ("replace", ("Listings", 1, "ViewState"), 2),
    ("replace", ("Listings", 1, "Metadata"), META),
    ("replace", ("Listings", 1, "Metadata", "Title"), "Tea"),
    ("append", ("Listings", 1, "Metadata", "Images"), "i"),
    ("add", ("Listings", 1, "Metadata", "Images", 0), "i"),
    ("remove", ("Listings", 1, "Metadata", "Images", 1), None),
    ("append", ("Listings", 1, "StockStatuses"), STATUS),
    ("replace", ("Listings", 1, "StockStatuses", 0, "ExpectedInStockBy"), SOON),
    ("add", ("Listings", 2, "Options", "o"), OPTION),
    ("replace", ("Listings", 1, "Options"), {"o": OPTION}),
    ("replace", ("Listings", 1, "Options", "o", "Title"), "x"),
    ("add", ("Listings", 1, "Options", "o", "Variations", "b"), RICH_VARIATION),
    ("replace", ("Listings", 1, "Options", "p", "Variations", "c", "VariationInfo"), INFO),
    ("replace", ("Listings", 1, "Options", "p", "Variations", "c", "SKU"), "7"),
    ("remove", ("Listings", 1, "Options", "p", "Variations", "c", "PriceModifier"), None),
    ("remove", ("Listings", 1, "Options", "o", "Variations", "a"), None),
    ("add", ("Tags", "u"), {"Name": "u", "ListingIDs": [1, 2]}),
    ("append", ("Tags", "t", "ListingIDs"), 2),
    ("replace", ("Tags", "t", "ListingIDs", 0), 2),
    ("remove", ("Tags", "t", "ListingIDs", 1), None),
    ("add", ("Inventory", 2), 5),
    ("increment", ("Inventory", 1, "c", "a"), 1),
    ("decrement", ("Inventory", 1, "a", "c"), 2**63),
    ("replace", ("Inventory", 1, "a", "c"), 2**64 - 1),
    ("add", ("Orders", 3), OPEN_ORDER),
    ("replace", ("Orders", 2), OPEN_ORDER | {"State": 1}),
    ("replace", ("Orders", 2, "State"), 3),
    ("append", ("Orders", 2, "Items"), CHOSEN_ITEM),
    ("replace", ("Orders", 2, "Items"), [ITEM, ITEM]),
    ("replace", ("Orders", 2, "Items", 0, "Quantity"), 2**32 - 1),
    ("increment", ("Orders", 2, "Items", 0, "Quantity"), 1),
    ("decrement", ("Orders", 2, "Items", 0, "Quantity"), 1),
    ("increment", ("Orders", 1, "Items", 0, "Quantity"), 1),
    ("decrement", ("Orders", 2, "Items", 0, "Quantity"), 3),
    ("remove", ("Orders", 2, "Items", 0), None),
    ("add", ("Orders", 2, "ShippingAddress"), ADDRESS | {"PhoneNumber": "+123456789"}),
    ("replace", ("Orders", 2, "InvoiceAddress", "EmailAddress"), "x@y.z"),
    ("add", ("Orders", 2, "ChosenPayee"), CHOICE),
    ("replace", ("Orders", 2, "ChosenCurrency"), CURRENCY),
    ("add", ("Orders", 2, "PaymentDetails"), DETAILS),
    ("add", ("Orders", 2, "TxDetails"), PAID | {"TxHash": bytes(32)}),
    ("add", ("Orders", 2, "CanceledAt"), SOON),
    ("add", ("Listings", 9, "Options", "q", "Variations", "v"), VARIATION),
]


@cache
def sound_patches() -> list[bytes]:
    """Return them as a client would encode them."""
    return [_patch(*row) for row in ROWS]


def _patch(op: str, path: tuple[Any, ...], value: Any) -> bytes:
    return cbor2.dumps({"Op": op, "Path": list(path), "Value": value})


NEW_ORDER = _patch("add", ("Orders", 3), OPEN_ORDER)
