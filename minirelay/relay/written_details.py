"""What the relay wrote that customers have to pay, taken from a set, with what it was computed of."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from minirelay.errors import Refusal
from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.shop.canonical import read
from minirelay.shop.checkout_facts import place_of
from minirelay.shop.draft import Draft
from minirelay.shop.issued_requests import Place
from minirelay.shop.objects import Order, PaymentDetails, ShippingRegion
from minirelay.shop.pricing import price_order
from minirelay.shop.regions import destination, match_region
from minirelay.shop.state import ShopState

DETAILS: Final = ("PaymentDetails",)


class WrittenDetails(msgspec.Struct, frozen=True):
    """PaymentDetails that the relay wrote, and what they were computed of.

    seq: of their set. card: row id of the guest's card that created the order, NOBODY for others. pricing,
    price, region: as in `IssuedRequest`, on the state behind which they were written; None where there is
    none.
    """

    seq: int
    order_id: bytes
    card: int
    details: PaymentDetails
    pricing: Place | None
    price: int | None
    region: str | None


def written_details(
    before: ShopState, owners: Mapping[bytes, int], patches: Iterable[Patch], seq: int
) -> Iterator[WrittenDetails]:
    """Go through the PaymentDetails of a set of the relay's.

    before: the state behind which it was written. owners: as in `ShopHead`.
    """
    shop: Draft | None = None
    for patch in patches:
        if patch.object_type is ObjectType.ORDER and patch.fields == DETAILS and patch.op != "remove":
            shop = shop or Draft(before)
            yield _written(shop, owners.get(patch.object_id, NOBODY), patch, seq)


def _written(shop: Draft, card: int, patch: Patch, seq: int) -> WrittenDetails:
    manifest, order = shop.manifest, shop.order(patch.object_id)
    price, found = None, None
    if manifest is not None and order is not None and (address := destination(order)) is not None:
        found = match_region(manifest.shipping_regions, address)
        if found is not None:
            price = _price(shop, order, found[1])
    return WrittenDetails(
        seq,
        patch.object_id,
        card,
        read(PaymentDetails, patch.value),
        None if manifest is None else place_of(manifest.pricing_currency),
        price,
        None if found is None else found[0],
    )


def _price(shop: Draft, order: Order, region: ShippingRegion) -> int | None:
    try:
        return price_order(shop, order, region)
    except Refusal:
        return None
