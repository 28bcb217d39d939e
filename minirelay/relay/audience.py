"""Who follows a log live, found by what a set touches; who sees nothing of it is not asked.

What a subscriber that was found gets, `View.sees` says to each patch.

Followers with the same view, but for their own orders, are an audience: what one of them gets of a set in
which there are no such orders, all get.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.shop.visibility import ObjectKey, View
from minirelay.store.messages import StoredSet

K = TypeVar("K")
V = TypeVar("V")


class Viewer(Protocol):
    """A follower, as far as it has to be found."""

    @property
    def view(self) -> View:
        """Return what it sees; never changes."""


F = TypeVar("F", bound=Viewer)


@dataclass(slots=True)
class Touched:
    """What some sets touch. owners: key cards whose own orders are touched."""

    types: set[ObjectType] = field(default_factory=set)
    objects: set[ObjectKey] = field(default_factory=set)
    owners: set[int] = field(default_factory=set)

    @classmethod
    def by(cls, sets: Iterable[StoredSet]) -> "Touched":
        """Collect what these sets touch."""
        touched = cls()
        for stored in sets:
            for leaf in stored.leaves:
                touched.types.add(leaf.object_type)
                touched.objects.add((leaf.object_type, leaf.object_id))
                if leaf.owner != NOBODY:
                    touched.owners.add(leaf.owner)
        return touched

    def __bool__(self) -> bool:
        return bool(self.types or self.objects or self.owners)

    def add(self, other: "Touched") -> None:
        """Touch this too."""
        self.types |= other.types
        self.objects |= other.objects
        self.owners |= other.owners

    def meets(self, view: View) -> bool:
        """Return whether a view may see some of it; False is certain."""
        return (
            not view.types.isdisjoint(self.types)
            or not view.objects.isdisjoint(self.objects)
            or view.owner in self.owners
        )


class Audiences(Generic[F]):
    """The followers of one log, by view."""

    def __init__(self) -> None:
        """Begin without any."""
        self._audience_of: dict[F, View] = {}
        self._members: dict[View, dict[F, None]] = {}
        self._everything: dict[View, None] = {}
        self._by_type: _Multimap[ObjectType, View] = _Multimap()
        self._by_object: _Multimap[ObjectKey, View] = _Multimap()
        self._by_owner: _Multimap[int, F] = _Multimap()

    def __bool__(self) -> bool:
        return bool(self._audience_of)

    def __contains__(self, follower: F) -> bool:
        return follower in self._audience_of

    def add(self, follower: F) -> None:
        """Take a follower in who is not here."""
        audience = self._audience_of[follower] = follower.view.without_own()
        members = self._members.get(audience)
        if members is None:
            members = self._members[audience] = {}
            self._open(audience)
        members[follower] = None
        if follower.view.owner:
            self._by_owner.add(follower.view.owner, follower)

    def remove(self, follower: F) -> None:
        """Let a follower go, if it is here."""
        audience = self._audience_of.pop(follower, None)
        if audience is None:
            return
        members = self._members[audience]
        del members[follower]
        if not members:
            del self._members[audience]
            self._close(audience)
        if follower.view.owner:
            self._by_owner.remove(follower.view.owner, follower)

    @property
    def entry_count(self) -> int:
        """Count the entries of all indexes; none is left when no subscription follows."""
        indexes = len(self._by_type) + len(self._by_object) + len(self._by_owner)
        return indexes + len(self._everything) + len(self._members)

    def _open(self, audience: View) -> None:
        if audience.sees_everything:
            self._everything[audience] = None
            return
        for object_type in audience.types:
            self._by_type.add(object_type, audience)
        for key in audience.objects:
            self._by_object.add(key, audience)

    def _close(self, audience: View) -> None:
        if audience.sees_everything:
            del self._everything[audience]
            return
        for object_type in audience.types:
            self._by_type.remove(object_type, audience)
        for key in audience.objects:
            self._by_object.remove(key, audience)

    def followed(self, touched: Touched) -> Touched:
        """Leave of what is touched only what a follower may see; all types if one of them sees everything."""
        return Touched(
            touched.types if self._everything else self._by_type.known(touched.types),
            self._by_object.known(touched.objects),
            self._by_owner.known(touched.owners),
        )

    def seeing(self, touched: Touched) -> Iterator[tuple[View, F]]:
        """Yield who may see some of it, with the view of the audience; some perhaps more than once.

        Followers may come and go meanwhile: those who leave may still be given, those who come perhaps not.
        """
        for audience in self._audiences(touched):
            for follower in tuple(self._members.get(audience, ())):
                yield audience, follower
        for owner in touched.owners:
            for follower in self._by_owner.get(owner):
                yield self._audience_of.get(follower, follower.view), follower

    def _audiences(self, touched: Touched) -> Iterator[View]:
        if touched.types:
            yield from tuple(self._everything)
        for object_type in touched.types:
            yield from self._by_type.get(object_type)
        for key in touched.objects:
            yield from self._by_object.get(key)


class _Multimap(Generic[K, V]):
    """Several values for a key; most have one, which takes little memory."""

    def __init__(self) -> None:
        self._values: dict[K, V | dict[V, None]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def add(self, key: K, value: V) -> None:
        found = self._values.get(key)
        if found is None:
            self._values[key] = value
        elif isinstance(found, dict):
            found[value] = None
        else:
            self._values[key] = {found: None, value: None}

    def remove(self, key: K, value: V) -> None:
        found = self._values[key]
        if isinstance(found, dict):
            del found[value]
            if found:
                return
        del self._values[key]

    def get(self, key: K) -> tuple[V, ...]:
        found = self._values.get(key)
        if found is None:
            return ()
        return tuple(found) if isinstance(found, dict) else (found,)

    def known(self, keys: set[K]) -> set[K]:
        return {key for key in keys if key in self._values}
