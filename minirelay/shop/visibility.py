"""Which patches of a shop's log a subscription gets: one predicate, whichever way they come (spec 05).

`may_see` is the rule, a view holds what it gives for one subscription, and `View.sees` decides, for what is
pushed live and for what is read from the log alike. What finds patches faster than by asking it of each (an
index of live subscribers, an index of the log) finds at least what it sees, and then asks it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from minirelay.protocol.objects import ObjectType
from minirelay.shop.access import Role, may_see

ALL_TYPES: Final = frozenset(ObjectType)

ObjectKey = tuple[ObjectType, bytes]


class LoggedPatch(Protocol):
    """A patch of the log, as far as it decides who sees it.

    owner: the row id of the key card that created the order which the patch touches, 0 for none.
    """

    @property
    def object_type(self) -> ObjectType:
        """Return the type of the object that the patch touches."""

    @property
    def object_id(self) -> bytes:
        """Return the id of this object."""

    @property
    def owner(self) -> int:
        """Return the key card that created the order."""


@dataclass(frozen=True, slots=True)
class View:
    """What one subscription may see and asked for; made by `view_of`.

    types: whole object types. objects: single objects of other types. own_types, own_objects: likewise, but
    only what the key card `owner` (row id) created. Without them owner is 0. sees_everything: each patch that
    there can be; kept, since it is asked for every set.
    """

    types: frozenset[ObjectType] = frozenset()
    objects: frozenset[ObjectKey] = frozenset()
    own_types: frozenset[ObjectType] = frozenset()
    own_objects: frozenset[ObjectKey] = frozenset()
    owner: int = 0
    sees_everything: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Find out whether anything is left out."""
        object.__setattr__(self, "sees_everything", self.types == ALL_TYPES)

    def sees(self, patch: LoggedPatch) -> bool:
        """Return whether a patch belongs to this view."""
        object_type = patch.object_type
        if object_type in self.types or (object_type, patch.object_id) in self.objects:
            return True
        if patch.owner != self.owner or not self.owner:
            return False
        return object_type in self.own_types or (object_type, patch.object_id) in self.own_objects

    def visible(self, patches: Sequence[LoggedPatch]) -> Sequence[int]:
        """List the indexes of the patches of a set that belong to this view, ascending."""
        if self.sees_everything:
            return range(len(patches))
        return [index for index, patch in enumerate(patches) if self.sees(patch)]

    def visible_from(self, patches: Sequence[LoggedPatch], first: int) -> Iterator[int]:
        """Return these indexes from one on, each looked for when it is asked for."""
        indexes = range(first, len(patches))
        if self.sees_everything:
            return iter(indexes)
        return (index for index in indexes if self.sees(patches[index]))

    def without_own(self) -> "View":
        """Return the view of sets in which nothing is its owner's: many subscriptions have the same."""
        return View(self.types, self.objects) if self.owner else self


def view_of(
    role: Role,
    card: int = 0,
    *,
    types: Collection[ObjectType] = ALL_TYPES,
    objects: Collection[ObjectKey] = (),
) -> View:
    """Return the view of a role that asked for these types and objects: as far as it may see them.

    card: row id of the session's key card, 0 for a visitor. Views that see the same are equal.
    """
    whole, own_whole = _divide(role, card, types)
    single, own_single = _divide(role, card, {object_type for object_type, _ in objects})
    named = frozenset(one for one in objects if one[0] in single - whole)
    own_named = frozenset(one for one in objects if one[0] in own_single - own_whole)
    return View(whole, named, own_whole, own_named, card if own_whole or own_named else 0)


def _divide(
    role: Role, card: int, types: Collection[ObjectType]
) -> tuple[frozenset[ObjectType], frozenset[ObjectType]]:
    """Divide types into those that a role sees of any owner, and those of which it sees its own."""
    anybodys = frozenset(one for one in types if may_see(role, one, owns=False))
    own = frozenset(one for one in types if card and may_see(role, one, owns=True))
    return anybodys, own - anybodys
