"""What an order costs, in units of the shop's pricing currency (spec 06 "Item price", "Region modifiers").

Integers only, truncated at each step. What amounts to how much is decided here alone; rates come after it, in
`quote`.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from minirelay.errors import invalid
from minirelay.shop.objects import Listing, Order, PriceModifier, ShippingRegion
from minirelay.shop.sellable import Listings, require_sellable, wanted_items
from minirelay.shop.work import SEARCHED_BYTES, Work

UINT256_BITS: Final = 256
MOST_BITS_ON_THE_WAY: Final = 4096
"""What follows may make an amount smaller again; without a bound, each percentage would add 256 bits."""

_ITEM_WORK: Final = 20
_LISTING_WORK: Final = 60
_VARIATION_WORK: Final = 2
_MODIFIER_WORK: Final = 30

_Modifiers = Mapping[str, PriceModifier | None]


def price_order(listings: Listings, order: Order, region: ShippingRegion, work: Work | None = None) -> int:
    """Compute what an order costs that goes to this region: a Uint256.

    Raises Refusal: NOT_FOUND with the listing's id for what is not sold any more, INVALID from 2^256 on; and
    WorkExceeded.
    """
    work = Work() if work is None else work
    return check_uint256(apply_region(subtotal(listings, order, work), region, work))


def subtotal(listings: Listings, order: Order, work: Work) -> int:
    """Sum up the items of an order, each at its price times its quantity; those of quantity 0 are not read.

    Raises what `price_order` raises; may be larger than a price.
    """
    modifiers: dict[int, _Modifiers] = {}
    total = 0
    for item in wanted_items(order.items):
        # Also where the listing is known: the variations are this item's own.
        listing = require_sellable(listings, item)
        if item.listing_id not in modifiers:
            modifiers[item.listing_id] = _modifiers_of(listing, work)
        chosen = item.variation_ids or ()
        work.spend(_ITEM_WORK + _MODIFIER_WORK * len(chosen))
        named = modifiers[item.listing_id]
        total += item_price(listing, (named[name] for name in chosen)) * item.quantity
    return _check_on_the_way(total)


def item_price(listing: Listing, modifiers: Iterable[PriceModifier | None]) -> int:
    """Compute the price of one piece.

    modifiers: of the chosen variations, in the order of the item's VariationIDs; None where one has none.
    """
    price = listing.price
    for modifier in modifiers:
        if modifier is not None:
            price = apply_modifier(price, modifier)
    return price


def apply_region(amount: int, region: ShippingRegion, work: Work) -> int:
    """Apply a region's modifiers in the order of their names as canonical map keys. Raises WorkExceeded."""
    modifiers = region.price_modifiers or {}
    # Few long names take as long to sort as many short ones, and each choice of a set sorts them again.
    work.spend(_MODIFIER_WORK * len(modifiers) + sum(map(len, modifiers)) // SEARCHED_BYTES)
    for name in sorted(modifiers, key=_canonical_key):
        amount = apply_modifier(amount, modifiers[name])
    return amount


def apply_modifier(amount: int, modifier: PriceModifier) -> int:
    """Change an amount by a percentage, truncated, or by an absolute amount, never below 0.

    Raises Refusal INVALID for what is absurdly large.
    """
    percent, absolute = modifier.modification_percent, modifier.modification_absolute
    if percent is not None:
        return _check_on_the_way(amount * percent // 100)
    if absolute is None:
        return amount
    if absolute.plus:
        return _check_on_the_way(amount + absolute.amount)
    return max(0, amount - absolute.amount)


def check_uint256(amount: int) -> int:
    """Return an amount that 256 bits can hold. Raises Refusal INVALID for another one."""
    return _check_bits(amount, UINT256_BITS)


def _check_on_the_way(amount: int) -> int:
    return _check_bits(amount, MOST_BITS_ON_THE_WAY)


def _check_bits(amount: int, most: int) -> int:
    if amount.bit_length() > most:
        raise invalid("the price would be more than 256 bits can hold")
    return amount


def _modifiers_of(listing: Listing, work: Work) -> _Modifiers:
    work.spend(_LISTING_WORK)
    variations = [option.variations for option in (listing.options or {}).values() if option.variations]
    work.spend(_VARIATION_WORK * sum(map(len, variations)))
    return {name: one.price_modifier for named in variations for name, one in named.items()}


def _canonical_key(name: str) -> tuple[int, bytes]:
    data = name.encode()
    return len(data), data
