"""Which shipping region an order goes to (spec 06 "Region")."""

from collections.abc import Mapping
from typing import Final

from minirelay.shop.objects import AddressDetails, Order, ShippingRegion
from minirelay.shop.work import Work

NO_COUNTRY: Final = 1
COUNTRY: Final = 10
POSTAL_CODE: Final = 100
CITY: Final = 1000

_REGION_WORK: Final = 10


def destination(order: Order) -> AddressDetails | None:
    """Return the address that decides on the region: the shipping address, else the invoice's."""
    return order.shipping_address or order.invoice_address


def match_region(
    regions: Mapping[str, ShippingRegion] | None, address: AddressDetails, work: Work | None = None
) -> tuple[str, ShippingRegion] | None:
    """Find the region with most points, among equals the first by name; give its name, too.

    regions: by name, as the manifest has them. None: no region is a candidate. Raises WorkExceeded.
    """
    if not regions:
        return None
    if work is not None:
        work.spend(_REGION_WORK * len(regions))
    ranked = [
        (-points, name) for name, region in regions.items() if (points := points_of(region, address)) > 0
    ]
    if not ranked:
        return None
    # Code points have the order of their bytes in UTF-8, so names are in bytewise order.
    _, name = min(ranked)
    return name, regions[name]


def points_of(region: ShippingRegion, address: AddressDetails) -> int:
    """Count how well a region fits an address; 0 if it is no candidate.

    Texts are equal or not: no case is folded, nothing is trimmed. An address's texts are never empty.
    """
    if region.country not in ("", address.country):
        return 0
    points = COUNTRY if region.country else NO_COUNTRY
    if region.postal_code == address.postal_code:
        points += POSTAL_CODE
        if region.city == address.city:
            points += CITY
    return points
