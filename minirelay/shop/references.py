"""What one object may say of another (spec 04, "References")."""

from collections.abc import Iterable

from minirelay.errors import not_found
from minirelay.shop.objects import ChainAddress, Order, OrderedItem, Payee
from minirelay.shop.state import id_key
from minirelay.shop.work import LOOKUP
from minirelay.shop.working_set import WorkingSet


def has_listing(working: WorkingSet, listing_id: int) -> bool:
    """Return whether a listing exists."""
    working.work.spend(LOOKUP)
    return working.listings.has(id_key(listing_id))


def require_listing(working: WorkingSet, listing_id: int) -> None:
    """Refuse (NOT_FOUND with its id) a listing that does not exist."""
    if not has_listing(working, listing_id):
        raise not_found("the listing does not exist", listing_id)


def check_item(working: WorkingSet, item: OrderedItem) -> None:
    """Refuse (NOT_FOUND with the listing's id) an item whose listing or variations do not all exist."""
    require_listing(working, item.listing_id)
    if item.variation_ids:
        names = working.variation_names(id_key(item.listing_id))
        if not names.issuperset(item.variation_ids):
            raise not_found("the listing does not have this variation", item.listing_id)


def is_payee(working: WorkingSet, payee: Payee) -> bool:
    """Return whether the manifest has this payee; the flag is not compared (spec 06)."""
    manifest, place = working.manifest, payee.address
    return manifest is not None and place.address in manifest.payees.get(place.chain_id, ())


def is_accepted(working: WorkingSet, currency: ChainAddress) -> bool:
    """Return whether the manifest accepts this currency."""
    manifest = working.manifest
    return manifest is not None and currency.address in manifest.accepted_currencies.get(
        currency.chain_id, ()
    )


def check_items(working: WorkingSet, items: Iterable[OrderedItem]) -> None:
    """Check each of several items."""
    for item in items:
        check_item(working, item)


def check_order(working: WorkingSet, order: Order) -> None:
    """Check everything that a whole order names. Raises NOT_FOUND."""
    check_items(working, order.items)
    if order.chosen_payee is not None and not is_payee(working, order.chosen_payee):
        raise not_found("the shop does not have this payee")
    if order.chosen_currency is not None and not is_accepted(working, order.chosen_currency):
        raise not_found("the shop does not accept this currency")
