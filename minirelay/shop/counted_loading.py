"""Decoding stored objects, with what that costs counted.

A megabyte of text is read at once, a megabyte of stock statuses takes a thousand times as long; which it is
shows in the object. Before that, it is taken for the worst.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from minirelay.shop import canonical
from minirelay.shop.objects import Account, Listing, ListingOption, Manifest, Order, Tag
from minirelay.shop.work import HASHED_BYTES, LOOKUP, Work

T = TypeVar("T")

# In units of work, for decoding an entry and encoding it again.
_STRUCT: Final = 64
_ITEM: Final = 32
_SCALAR: Final = 2

_MOST_PER_BYTE: Final = 2
_BYTES: Final = 2
_ACCOUNT_BYTES: Final = 32
"""So many bytes are one unit, beside the entries; an account's entries are not looked at one by one."""


def load(kind: type[T], data: bytes, work: Work) -> T:
    """Make an object of its canonical bytes, like `canonical.load`. Raises WorkExceeded."""
    size = len(data)
    if kind is Account:
        # It is read to be changed: what comes of it is hashed, and nothing is begun that ends there.
        work.check(LOOKUP + size // _ACCOUNT_BYTES + size // HASHED_BYTES)
        work.spend(LOOKUP + size // _ACCOUNT_BYTES)
        return canonical.load(kind, data)
    work.check(_MOST_PER_BYTE * size)
    found = canonical.load(kind, data)
    entries = _ENTRIES.get(kind)
    work.spend(LOOKUP + size // _BYTES + (entries(found) if entries is not None else 0))
    return found


def _in_tag(tag: Tag) -> int:
    return _SCALAR * len(tag.listing_ids)


def _in_order(order: Order) -> int:
    variations = sum([len(item.variation_ids) for item in order.items if item.variation_ids])
    return _ITEM * len(order.items) + _SCALAR * variations


def _in_manifest(manifest: Manifest) -> int:
    regions = (manifest.shipping_regions or {}).values()
    structs = len(manifest.payees) + len(manifest.accepted_currencies) + len(regions)
    structs += sum([len(region.price_modifiers or ()) for region in regions])
    return _STRUCT * structs + _ITEM * (_inner(manifest.payees) + _inner(manifest.accepted_currencies))


def _in_listing(listing: Listing) -> int:
    if not listing.stock_statuses and not listing.options:
        return _SCALAR * len(listing.metadata.images or ())
    statuses: Sequence[Any] = listing.stock_statuses or ()
    structs = len(statuses)
    scalars = len(listing.metadata.images or ()) + sum([len(one.variation_ids) for one in statuses])
    options: Mapping[str, ListingOption] = listing.options or {}
    for option in options.values():
        structs += 1
        for variation in (option.variations or {}).values():
            structs += 2
            scalars += len(variation.variation_info.images or ())
    return _STRUCT * structs + _SCALAR * scalars


def _inner(by_chain: Mapping[int, Mapping[bytes, object]]) -> int:
    return sum(map(len, by_chain.values()))


_ENTRIES: dict[Any, Callable[[Any], int]] = {
    Tag: _in_tag,
    Order: _in_order,
    Manifest: _in_manifest,
    Listing: _in_listing,
}
