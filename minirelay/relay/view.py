"""From the filters of a subscription request to what the subscription sees (spec 05 "Subscriptions")."""

from collections.abc import Callable, Sequence

from minirelay.errors import Code, Refusal, invalid
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.envelope import MAX_FILTERS, Filter
from minirelay.protocol.ids import OBJECT_ID_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.shop.access import Role, may_see
from minirelay.shop.visibility import ObjectKey, View, view_of

ID_BYTES = {
    ObjectType.LISTING: OBJECT_ID_BYTES,
    ObjectType.ORDER: OBJECT_ID_BYTES,
    ObjectType.INVENTORY: OBJECT_ID_BYTES,
    ObjectType.ACCOUNT: ADDRESS_BYTES,
}


def make_view(
    role: Role, card_row: int, filters: Sequence[Filter], owner_of: Callable[[bytes], int | None]
) -> View:
    """Turn a subscription's filters into a view.

    role: of the session in this shop. card_row: its key card, 0 for a visitor. owner_of: gives the key card
    row that created the order which has this id now, None if there is none. Raises Refusal.
    """
    if not filters:
        return view_of(role, card_row)
    if len(filters) > MAX_FILTERS:
        raise invalid(f"a subscription may have {MAX_FILTERS} filters")
    types: set[ObjectType] = set()
    objects: set[ObjectKey] = set()
    for wanted in filters:
        object_type = _checked_type(wanted)
        _check_allowed(role, object_type)
        if wanted.object_id is None:
            types.add(object_type)
        else:
            _check_own(role, card_row, object_type, owner_of, wanted.object_id)
            objects.add((object_type, wanted.object_id))
    return view_of(role, card_row, types=types, objects=objects)


def _checked_type(wanted: Filter) -> ObjectType:
    try:
        object_type = ObjectType(wanted.object_type)
    except ValueError:
        raise invalid(f"a filter has no known object type: {wanted.object_type}") from None
    object_id = wanted.object_id
    if object_id is None:
        return object_type
    if object_type is ObjectType.MANIFEST:
        raise invalid("a filter on the manifest takes no object id")
    if object_type is ObjectType.TAG:
        if not object_id:
            raise invalid("a tag's name in a filter is empty")
    elif len(object_id) != (size := ID_BYTES[object_type]):
        raise invalid(f"an object id of {object_type.name.lower()} has {size} bytes, not {len(object_id)}")
    return object_type


def _check_allowed(role: Role, object_type: ObjectType) -> None:
    if may_see(role, object_type, owns=True):
        return
    if object_type is ObjectType.INVENTORY:
        raise invalid("not allowed: only a clerk of this shop sees its inventory")
    raise invalid("not allowed: a visitor sees no orders")


def _check_own(
    role: Role,
    card_row: int,
    object_type: ObjectType,
    owner_of: Callable[[bytes], int | None],
    object_id: bytes,
) -> None:
    if may_see(role, object_type, owns=False):
        return
    if owner_of(object_id) != card_row:
        raise Refusal(Code.NOT_AUTHENTICATED, "this order is not yours, or does not exist")
