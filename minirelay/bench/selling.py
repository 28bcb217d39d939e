"""What the benchmark sells: a manifest that can be paid in one token, orders, and how they are paid."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from minirelay.bench.fixtures import SHOP_ID, TERMS
from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import NewPatch
from minirelay.relay.facts_source import NoChains
from minirelay.shop.checkout_facts import ChainHead, Facts, TokenFacts
from minirelay.shop.order_states import STATE_FIELD, OrderState

CHAIN: Final = 10
TOKEN: Final = b"\x70" * 20
PAYEE: Final = b"\x71" * 20

_CURRENCY: Final[Value] = {"ChainID": CHAIN, "Address": TOKEN}
_PAYEE: Final[Value] = {"Address": {"ChainID": CHAIN, "Address": PAYEE}, "CallAsContract": False}
_MANIFEST: Final[Value] = {
    "ShopID": SHOP_ID,
    "Payees": {CHAIN: {PAYEE: {"CallAsContract": False}}},
    "AcceptedCurrencies": {CHAIN: {TOKEN: {}}},
    "PricingCurrency": _CURRENCY,
    "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
}
_ADDRESS: Final[Value] = {
    "Name": "Ada",
    "Address1": "Street 1",
    "City": "Bonn",
    "PostalCode": "53111",
    "Country": "DE",
    "EmailAddress": "ada@example.org",
}


class _OneChain(NoChains):
    """Knows a chain, and a token there: what the choices of this benchmark need."""

    def facts(self, now: int) -> Facts:
        """Return them."""
        return Facts(now, {CHAIN: ChainHead(1, now, now)}, {(CHAIN, TOKEN): TokenFacts(2)})


SELLING_TERMS: Final = replace(TERMS, facts=_OneChain())
"""The terms of a relay whose customers can pay."""


def opening(listing: int, stock: int) -> tuple[NewPatch, NewPatch]:
    """Make the patches that let customers pay, and buy so much of a listing."""
    return NewPatch("replace", ("Manifest",), _MANIFEST), NewPatch("add", ("Inventory", listing), stock)


def add_order(order: int, listing: int, state: OrderState = OrderState.OPEN) -> NewPatch:
    """Make the patch that adds an order of one piece, with an address."""
    items: list[Value] = [{"ListingID": listing, "Quantity": 1}]
    value: Value = {"ID": order, "Items": items, STATE_FIELD: int(state), "ShippingAddress": _ADDRESS}
    return NewPatch("add", ("Orders", order), value)


def move(order: int, state: OrderState) -> NewPatch:
    """Make the patch that moves an order to a state."""
    return NewPatch("replace", ("Orders", order, STATE_FIELD), int(state))


def choose_how(order: int) -> Sequence[NewPatch]:
    """Make the patches that say how an order is to be paid; it is not chosen yet."""
    return (
        NewPatch("replace", ("Orders", order, "ChosenCurrency"), _CURRENCY),
        NewPatch("replace", ("Orders", order, "ChosenPayee"), _PAYEE),
    )


def choose(order: int) -> Sequence[NewPatch]:
    """Make the patches of a payment choice."""
    return *choose_how(order), move(order, OrderState.PAYMENT_CHOSEN)
