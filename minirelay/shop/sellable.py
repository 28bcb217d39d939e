"""Whether the shop sells what an order's item names (spec 06 "Commit")."""

from collections.abc import Iterator, Set
from typing import Protocol

from minirelay.errors import not_found
from minirelay.shop.objects import Listing, OrderedItem, ViewState
from minirelay.shop.state import id_key


class Listings(Protocol):
    """The listings of a shop at one moment; a `Draft` has them."""

    def listing(self, listing_id: bytes, /) -> Listing | None:
        """Return a listing by the 8 bytes of its id."""

    def variation_names(self, listing_id: bytes, /) -> Set[str]:
        """Return the names of all variations of a listing; none if there is no such listing."""


def wanted_items(items: list[OrderedItem]) -> Iterator[OrderedItem]:
    """Go through the items that count: those with a quantity above 0, in their order."""
    return (item for item in items if item.quantity > 0)


def require_sellable(listings: Listings, item: OrderedItem) -> Listing:
    """Return an item's listing, which exists, is published and has each of the item's variations.

    Raises Refusal NOT_FOUND with the listing's id, and what `listings` raises.
    """
    key = id_key(item.listing_id)
    listing = listings.listing(key)
    if listing is None:
        raise not_found("the listing does not exist", item.listing_id)
    if listing.view_state is not ViewState.PUBLISHED:
        raise not_found("the listing is not published", item.listing_id)
    if item.variation_ids and not listings.variation_names(key) >= set(item.variation_ids):
        raise not_found("the listing does not have this variation", item.listing_id)
    return listing
