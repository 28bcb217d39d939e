"""How large a client may make an object (spec 03 "An order's canonical form ...").

Policy of acceptance, not a rule of the state: logs hold larger objects, and what is over its limit already
may shrink.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from minirelay.errors import invalid
from minirelay.protocol.objects import ObjectType
from minirelay.shop import canonical
from minirelay.shop.objects import Order
from minirelay.shop.state import Change


@dataclass(frozen=True, slots=True)
class ObjectLimits:
    """The largest canonical forms, in bytes. order_bytes: without what the relay adds to an order."""

    order_bytes: int
    object_bytes: int


def check_sizes(changes: Iterable[Change], limits: ObjectLimits) -> None:
    """Refuse (INVALID) objects that a client's patch set makes larger than they may be."""
    for change in changes:
        object_type, value = change.object_type, change.value
        most = limits.order_bytes if object_type is ObjectType.ORDER else limits.object_bytes
        if value is None or len(value) <= most or object_type is ObjectType.ACCOUNT:
            continue
        size = counted_bytes(object_type, value)
        if size > most and size > counted_bytes(object_type, change.before):
            noun = object_type.name.lower()
            raise invalid(f"the {noun} would have {size} bytes in its canonical form, more than {most}")


def counted_bytes(object_type: ObjectType, value: bytes | None) -> int:
    """Count the bytes of an object, of an order without what the relay adds. value: canonical bytes."""
    if value is None or object_type is not ObjectType.ORDER:
        return len(value or b"")
    order = canonical.load(Order, value)
    order.payment_details = order.tx_details = order.canceled_at = None
    return len(canonical.dump(order))
