"""What the relay writes into an order whose payment was chosen (spec 06 "Payment choice")."""

from hashlib import sha256
from typing import Final

import msgspec

from minirelay.errors import not_found
from minirelay.protocol.cbor import Value
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, Op
from minirelay.protocol.signing import SIGNATURE_BYTES
from minirelay.shop.objects import Order, PaymentDetails
from minirelay.shop.order_states import STATE_FIELD, OrderState
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.shop.state import ShopState, id_key
from minirelay.shop.work import HASHED_BYTES, LOOKUP, Work

SHOP_SIGNATURE: Final = bytes(SIGNATURE_BYTES)
VALID_FOR_S: Final = 86_400

_ID_WORK: Final = 1500


class ListingSnapshot(msgspec.Struct, frozen=True):
    """A listing as it was sold: its canonical bytes, and their SHA-256."""

    hash: bytes
    data: bytes


def listing_snapshots(
    state: ShopState, order: Order, work: Work | None = None
) -> tuple[ListingSnapshot, ...]:
    """Take the listing of each item as it is in a state, in the items' order, those of quantity 0 included.

    The same listing gives the same object. Raises Refusal NOT_FOUND with a listing's id, WorkExceeded.
    """
    work = Work() if work is None else work
    taken: dict[int, ListingSnapshot] = {}
    for item in order.items:
        if item.listing_id not in taken:
            data = state.get(ObjectType.LISTING, id_key(item.listing_id))
            if data is None:
                raise not_found("the listing does not exist", item.listing_id)
            work.spend(LOOKUP + len(data) // HASHED_BYTES)
            taken[item.listing_id] = ListingSnapshot(sha256(data).digest(), data)
    return tuple(taken[item.listing_id] for item in order.items)


def payment_details(
    request: PaymentRequest, snapshots: tuple[ListingSnapshot, ...], work: Work | None = None
) -> PaymentDetails:
    """Make the PaymentDetails that say what a request asks for. snapshots: at least one.

    work: counts the encoding of the request. Raises WorkExceeded.
    """
    if work is not None:
        work.spend(_ID_WORK)
    return PaymentDetails(
        payment_id=payment_id(request),
        total=request.amount,
        listing_hashes=[snapshot.hash for snapshot in snapshots],
        ttl=request.ttl,
        shop_signature=SHOP_SIGNATURE,
    )


def payment_patches(order_id: int, order: Order, details: PaymentDetails) -> tuple[NewPatch, NewPatch]:
    """Make the relay's patches behind a choice: PaymentDetails, added or replaced, then the state Unpaid.

    order: as the client's set left it.
    """
    op: Op = "add" if order.payment_details is None else "replace"
    # Numbers of plain values are sealed in their shortest form: browsers refuse bignums that need not be.
    value: Value = {
        "PaymentID": details.payment_id,
        "Total": details.total,
        "ListingHashes": list(details.listing_hashes),
        "TTL": details.ttl,
        "ShopSignature": details.shop_signature,
    }
    path = ("Orders", order_id)
    return (
        NewPatch(op, (*path, "PaymentDetails"), value),
        NewPatch("replace", (*path, STATE_FIELD), int(OrderState.UNPAID)),
    )
