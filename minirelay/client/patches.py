"""Patches that programs write most often (spec 04 has all that there are).

Each function gives a list, so that they add up to one patch set: all of it happens, or nothing.

    await client.write(add_listing(mug) + tag_listing("crockery", mug.id))
    await client.write(add_stock(mug.id, 10))
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from minirelay.protocol.cbor import Value, decode
from minirelay.protocol.patch import TABLES
from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.access import Role, may_see
from minirelay.shop.canonical import dump
from minirelay.shop.objects import (
    AddressDetails,
    ChainAddress,
    Listing,
    Order,
    OrderedItem,
    ShippingRegion,
    Tag,
    ViewState,
)
from minirelay.shop.order_states import STATE_FIELD, OrderState

Patches = list[NewPatch]


def new_id() -> int:
    """Draw a number for a listing or an order: no relay has to be asked for a free one."""
    return secrets.randbelow(2**64 - 1) + 1


def value_of(content: Any) -> Value:
    """Return the value that stands for an object of `minirelay.shop.objects` in a patch."""
    return decode(dump(content))


# -- listings, tags, stock


def add_listing(listing: Listing) -> Patches:
    """Add a listing, under its own id."""
    return [NewPatch("add", ("Listings", listing.id), value_of(listing))]


def remove_listing(listing_id: int) -> Patches:
    """Remove a listing; refused while a tag names it."""
    return [NewPatch("remove", ("Listings", listing_id))]


def set_price(listing_id: int, price: int) -> Patches:
    """Set a listing's price, in the smallest unit of the shop's pricing currency."""
    return [NewPatch("replace", ("Listings", listing_id, "Price"), price)]


def set_view_state(listing_id: int, view_state: ViewState) -> Patches:
    """Publish a listing, hide it, or mark it as deleted."""
    return [NewPatch("replace", ("Listings", listing_id, "ViewState"), int(view_state))]


def add_tag(name: str, listing_ids: Sequence[int] = ()) -> Patches:
    """Add a tag, with the listings that bear it."""
    return [NewPatch("add", ("Tags", name), value_of(Tag(name=name, listing_ids=list(listing_ids))))]


def tag_listing(name: str, listing_id: int) -> Patches:
    """Put an existing tag on a listing."""
    return [NewPatch("append", ("Tags", name, "ListingIDs"), listing_id)]


def add_stock(listing_id: int, count: int, variations: Iterable[str] = ()) -> Patches:
    """Add to the stock of a listing, or of one combination of its variations; the first time, too."""
    return [NewPatch("increment", ("Inventory", listing_id, *variations), count)]


def take_stock(listing_id: int, count: int, variations: Iterable[str] = ()) -> Patches:
    """Take from the stock; refused as OUT_OF_STOCK if there is less."""
    return [NewPatch("decrement", ("Inventory", listing_id, *variations), count)]


# -- the shop


def accept_currency(currency: ChainAddress) -> Patches:
    """Accept payments in a currency."""
    return [NewPatch("add", ("Manifest", "AcceptedCurrencies", currency.chain_id, currency.address), {})]


def add_payee(payee: ChainAddress, *, call_as_contract: bool = False) -> Patches:
    """Add a payee whom customers may pay."""
    path = ("Manifest", "Payees", payee.chain_id, payee.address)
    return [NewPatch("add", path, {"CallAsContract": call_as_contract})]


def add_shipping_region(name: str, region: ShippingRegion) -> Patches:
    """Add a region to which the shop ships."""
    return [NewPatch("add", ("Manifest", "ShippingRegions", name), value_of(region))]


def remove_key_card(wallet: bytes, index: int) -> Patches:
    """Take a key card from an account: it can't be used any more. index: its place in the account's list."""
    return [NewPatch("remove", ("Accounts", wallet, "KeyCards", index))]


# -- orders


def add_order(order_id: int, items: Sequence[OrderedItem] = ()) -> Patches:
    """Open an order."""
    order = Order(id=order_id, items=list(items), state=OrderState.OPEN)
    return [NewPatch("add", ("Orders", order_id), value_of(order))]


def add_item(order_id: int, item: OrderedItem) -> Patches:
    """Put something more into an open order."""
    return [NewPatch("append", ("Orders", order_id, "Items"), value_of(item))]


def commit_order(order_id: int) -> Patches:
    """Commit to an order: its stock is reserved."""
    return [NewPatch("replace", ("Orders", order_id, STATE_FIELD), int(OrderState.COMMITTED))]


def set_shipping_address(order_id: int, address: AddressDetails) -> Patches:
    """Set where an order goes; for the first time."""
    return [NewPatch("add", ("Orders", order_id, "ShippingAddress"), value_of(address))]


def choose_payment(order_id: int, currency: ChainAddress, payee: ChainAddress) -> Patches:
    """Choose how a committed order is paid; the relay answers with payment details in the order.

    payee: as the manifest has it.
    """
    path = ("Orders", order_id)
    chosen_payee: Value = {"Address": value_of(payee), "CallAsContract": False}
    return [
        NewPatch("replace", (*path, "ChosenCurrency"), value_of(currency)),
        NewPatch("replace", (*path, "ChosenPayee"), chosen_payee),
        NewPatch("replace", (*path, STATE_FIELD), int(OrderState.PAYMENT_CHOSEN)),
    ]


def cancel_order(order_id: int, at: datetime | None = None) -> Patches:
    """Cancel an order. at: when, an aware time; None: now."""
    canceled_at = (at or datetime.now(UTC)).replace(microsecond=0)
    return [
        NewPatch("add", ("Orders", order_id, "CanceledAt"), canceled_at),
        NewPatch("replace", ("Orders", order_id, STATE_FIELD), int(OrderState.CANCELED)),
    ]


def is_partly_private(patches: Iterable[NewPatch]) -> bool:
    """Return whether visitors see some of these patches and some not (spec 05, "Roles")."""
    tables = {patch.path[0] for patch in patches if isinstance(patch.path[0], str)}
    types = (TABLES[table] for table in tables if table in TABLES)
    return len({may_see(Role.VISITOR, object_type, owns=False) for object_type in types}) > 1
