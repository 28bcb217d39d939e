"""What a subscription selects (spec 05 "Subscriptions")."""

from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType


def select(object_type: ObjectType, object_id: int | str | bytes | None = None) -> Filter:
    """Select all objects of a type, or one.

    object_id: the number of a listing, an order or (inventory) a listing; the name of a tag; the 20 bytes
    of an account's address. Raises ValueError if it is not of that kind.
    """
    if object_id is None:
        return Filter(object_type)
    match object_type, object_id:
        case ((ObjectType.LISTING | ObjectType.ORDER | ObjectType.INVENTORY), int()):
            return Filter(object_type, object_id.to_bytes(8))
        case ObjectType.TAG, str():
            return Filter(object_type, object_id.encode())
        case ObjectType.ACCOUNT, bytes():
            return Filter(object_type, object_id)
    raise ValueError(f"{object_id!r} names no {object_type.name.lower()}")
