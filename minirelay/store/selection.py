"""What a reader selects, put in order: nothing twice, and ready to be asked of the index.

It only finds patches. Who sees what is not known here: `read_selected` asks its caller about each of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.store.messages import Selection


@dataclass(frozen=True, slots=True)
class Selected:
    """A union of selections, none of which covers another.

    types: whole object types. owners: key cards, for all orders that they created. objects: single ones,
    each with the key card that must have created it, or NOBODY.
    """

    types: frozenset[ObjectType]
    owners: frozenset[int]
    objects: frozenset[tuple[ObjectType, bytes, int]]

    @classmethod
    def of(cls, selections: Iterable[Selection]) -> "Selected":
        """Put selections in order. Raises ValueError for an owner of anything but orders."""
        chosen = frozenset(selections)
        for one in chosen:
            if one.owner != NOBODY and one.object_type is not ObjectType.ORDER:
                raise ValueError(f"only orders have an owner, not {one.object_type.name}")
        types = frozenset(one.object_type for one in chosen if one.object_id is None and not one.owner)
        rest = [one for one in chosen if one.object_type not in types]
        owners = frozenset(one.owner for one in rest if one.object_id is None)
        single = {
            (one.object_type, one.object_id, one.owner)
            for one in rest
            if one.object_id is not None and (one.owner == NOBODY or one.owner not in owners)
        }
        objects = frozenset(
            one for one in single if one[2] == NOBODY or (one[0], one[1], NOBODY) not in single
        )
        return cls(types, owners, objects)

    def widened(self) -> "Selected":
        """Select at least as much, by whole types only."""
        types = self.types | {object_type for object_type, _, _ in self.objects}
        if self.owners:
            types |= {ObjectType.ORDER}
        return Selected(types, frozenset(), frozenset())

    @property
    def type_mask(self) -> int:
        """Return the whole types as `patch_set.types` has them."""
        return type_mask(self.types)


def type_mask(types: Iterable[ObjectType]) -> int:
    """Write object types, each named once, as `patch_set.types` has them: bit n for object type n."""
    return sum([1 << object_type for object_type in types])
