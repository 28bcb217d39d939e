"""What clerks and guests write so that orders come into checkout."""

from typing import Any, Final

from minirelay.protocol.cbor import Value
from tests.raw_client import Spec
from tests.relay.house import listing
from tests.shop.checkouts import ADDRESS, CHAIN, REGIONS
from tests.shop.patching import NATIVE, OTHER_PAYEE, PAYEE, TOKEN

COMMITTED, CHOSEN = 3, 4
STOCK: Final = 1000


def open_shop(*listings: int) -> list[Spec]:
    """What a clerk writes so that guests can buy these listings."""
    payees: Value = {PAYEE: {"CallAsContract": False}, OTHER_PAYEE: {"CallAsContract": False}}
    regions: Any = REGIONS
    return [
        ("replace", ("Manifest", "Payees"), {CHAIN: payees}),
        ("replace", ("Manifest", "AcceptedCurrencies"), {CHAIN: {TOKEN: {}, NATIVE: {}}}),
        ("replace", ("Manifest", "PricingCurrency"), {"ChainID": CHAIN, "Address": TOKEN}),
        ("replace", ("Manifest", "ShippingRegions"), regions),
        *[listing(number) for number in listings],
        *[("add", ("Inventory", number), STOCK) for number in listings],
    ]


def commit_order(order: int, **items: int) -> list[Spec]:
    """Make an order and commit it. items: quantities by listing, like `l1=2`."""
    lines: Value = [{"ListingID": int(name[1:]), "Quantity": quantity} for name, quantity in items.items()]
    ship_to: Any = ADDRESS
    return [
        ("add", ("Orders", order), {"ID": order, "Items": lines, "State": 1, "ShippingAddress": ship_to}),
        ("replace", ("Orders", order, "State"), COMMITTED),
    ]


def choose_payment(order: int, payee: bytes = PAYEE, currency: bytes = TOKEN) -> list[Spec]:
    """Choose how an order is paid."""
    address: Value = {"ChainID": CHAIN, "Address": payee}
    return [
        ("replace", ("Orders", order, "ChosenPayee"), {"Address": address, "CallAsContract": False}),
        ("replace", ("Orders", order, "ChosenCurrency"), {"ChainID": CHAIN, "Address": currency}),
        ("replace", ("Orders", order, "State"), CHOSEN),
    ]
