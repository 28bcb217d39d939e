"""Decoding stored objects, with what that costs counted.

A megabyte of text is read at once, a megabyte of stock statuses takes a thousand times as long; which it is
shows in the object. Before that, it is taken for the worst.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from minirelay.shop import canonical
from minirelay.shop.objects import Account, Listing, ListingOption, Manifest, Order, Tag
from minirelay.shop.work import LOOKUP, Work

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
    is_account = kind is Account
    work.check(len(data) // _ACCOUNT_BYTES if is_account else _MOST_PER_BYTE * len(data))
    found = canonical.load(kind, data)
    work.spend(LOOKUP + len(data) // (_ACCOUNT_BYTES if is_account else _BYTES) + _entries(found))
    return found


def _entries(found: object) -> int:
    match found:
        case Tag():
            return _SCALAR * len(found.listing_ids)
        case Order():
            variations = sum([len(item.variation_ids) for item in found.items if item.variation_ids])
            return _ITEM * len(found.items) + _SCALAR * variations
        case Listing():
            return _listing_entries(found)
        case Manifest():
            return _ITEM * (_inner(found.payees) + _inner(found.accepted_currencies)) + _STRUCT * (
                len(found.payees)
                + len(found.accepted_currencies)
                + sum([1 + len(one.price_modifiers or ()) for one in (found.shipping_regions or {}).values()])
            )
    return 0


def _listing_entries(listing: Listing) -> int:
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
