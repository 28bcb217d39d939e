"""What one subscription may see and asked for: filters and visibility as data (spec 05).

A view is fixed when the subscription is made. It answers three questions: which leaves of a patch set
belong to it, how many patches it still has to get, and what to look up in the index of the log.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from minirelay.errors import Code, Refusal, invalid
from minirelay.protocol.envelope import MAX_FILTERS, Filter
from minirelay.protocol.objects import ObjectType
from minirelay.shop.access import PUBLIC_TYPES, Role
from minirelay.store.messages import Counts, Leaf, Selection, StoredSet

ID_BYTES = {
    ObjectType.LISTING: 8,
    ObjectType.ORDER: 8,
    ObjectType.INVENTORY: 8,
    ObjectType.ACCOUNT: 20,
}


@dataclass(frozen=True, slots=True)
class View:
    """Which leaves of a shop's log a subscription gets.

    everything: all of them. types: whole object types. objects: single objects.
    owner: a guest's key card row id (0: nobody's); own_orders: all orders which that card created;
    own_objects: the ids of single orders, as far as that card created them.
    """

    everything: bool = False
    types: frozenset[ObjectType] = frozenset()
    objects: frozenset[tuple[ObjectType, bytes]] = frozenset()
    owner: int = 0
    own_orders: bool = False
    own_objects: frozenset[bytes] = frozenset()

    def holds(self, leaf: Leaf) -> bool:
        """Say whether one patch belongs to this view."""
        if self.everything or leaf.object_type in self.types:
            return True
        if (leaf.object_type, leaf.object_id) in self.objects:
            return True
        if not self.owner or leaf.owner != self.owner or leaf.object_type is not ObjectType.ORDER:
            return False
        return self.own_orders or leaf.object_id in self.own_objects

    def without_orders(self) -> "View":
        """Give the same view without a guest's own orders: what it is for sets that have none of them."""
        return replace(self, owner=0, own_orders=False, own_objects=frozenset()) if self.owner else self

    def leaves_of(self, stored: StoredSet) -> Sequence[int]:
        """Give the indexes of the set's leaves that belong to this view, ascending."""
        leaves = stored.leaves
        if self.everything:
            return range(len(leaves))
        return [index for index, leaf in enumerate(leaves) if self.holds(leaf)]

    def leaves_from(self, stored: StoredSet, leaf: int) -> Iterator[int]:
        """Give them from one leaf on, each looked for when it is asked for."""
        indexes = range(leaf, len(stored.leaves))
        if self.everything:
            return iter(indexes)
        return (index for index in indexes if self.holds(stored.leaves[index]))

    @property
    def needs_scan(self) -> bool:
        """Say whether the log has to be read set by set; else `selections` are few rows of its index."""
        return self.everything or bool(self.types)

    def selections(self) -> tuple[Selection, ...]:
        """Give what the index of the log counts or finds, without the whole types."""
        single = [
            Selection(object_type, object_id)
            for object_type, object_id in sorted(self.objects)
            if object_type not in self.types
        ]
        if self.own_orders:
            single.append(Selection(ObjectType.ORDER, None, self.owner))
        else:
            single += [Selection(ObjectType.ORDER, order, self.owner) for order in sorted(self.own_objects)]
        return tuple(single)

    def count_types(self, start: Counts, end: Counts) -> int:
        """Count the patches of the whole types between two points of the log."""
        if self.everything:
            return end.total - start.total
        return end.of(*self.types) - start.of(*self.types)


def make_view(
    role: Role, card_row: int, filters: Sequence[Filter], owner_of: Callable[[bytes], int | None]
) -> View:
    """Turn a subscription's filters into a view (spec 05, "Subscriptions").

    role: of the session in this shop. card_row: its key card, 0 for a visitor. owner_of: gives the key card
    row that created the order which has this id now, None if there is none. Raises Refusal.
    """
    if not filters:
        return _unfiltered(role, card_row)
    if len(filters) > MAX_FILTERS:
        raise invalid(f"a subscription may have {MAX_FILTERS} filters")
    types: set[ObjectType] = set()
    objects: set[tuple[ObjectType, bytes]] = set()
    own_orders = False
    own_objects: set[bytes] = set()
    for wanted in filters:
        object_type = _checked_type(wanted)
        _check_allowed(role, object_type)
        object_id = wanted.object_id
        if object_type is ObjectType.ORDER and role is Role.GUEST:
            if object_id is None:
                own_orders = True
            elif owner_of(object_id) == card_row:
                own_objects.add(object_id)
            else:
                raise Refusal(Code.NOT_AUTHENTICATED, "this order is not yours, or does not exist")
        elif object_id is None:
            types.add(object_type)
        else:
            objects.add((object_type, object_id))
    if own_orders:
        own_objects.clear()
    own = own_orders or bool(own_objects)
    return View(
        types=frozenset(types),
        objects=frozenset(one for one in objects if one[0] not in types),
        owner=card_row if own else 0,
        own_orders=own_orders,
        own_objects=frozenset(own_objects),
    )


def _unfiltered(role: Role, card_row: int) -> View:
    if role is Role.CLERK:
        return View(everything=True)
    if role is Role.GUEST:
        return View(types=PUBLIC_TYPES, owner=card_row, own_orders=True)
    return View(types=PUBLIC_TYPES)


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
    if object_type is ObjectType.INVENTORY and role is not Role.CLERK:
        raise invalid("not allowed: only a clerk of this shop sees its inventory")
    if object_type is ObjectType.ORDER and role is Role.VISITOR:
        raise invalid("not allowed: a visitor sees no orders")
