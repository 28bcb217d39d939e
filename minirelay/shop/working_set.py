"""The objects of a shop while one patch set changes them: decoded at first touch, encoded once at the end."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from minirelay.protocol.objects import ObjectType
from minirelay.shop import canonical
from minirelay.shop.hamt import Hamt
from minirelay.shop.objects import Account, Listing, Manifest, Order, Tag
from minirelay.shop.state import MANIFEST_KEY, Change, ShopState
from minirelay.shop.tag_index import TagIndex

T = TypeVar("T")


class Shelf(Generic[T]):
    """The objects of one type. What it hands out belongs to this working set alone."""

    __slots__ = ("_kind", "_object_type", "_open", "_state", "_written")

    def __init__(self, state: ShopState, object_type: ObjectType, kind: type[T]) -> None:
        self._state = state
        self._object_type = object_type
        self._kind = kind
        self._open: dict[bytes, T | None] = {}
        self._written: dict[bytes, None] = {}

    def has(self, key: bytes) -> bool:
        """Say whether the object exists, without decoding it."""
        if key in self._open:
            return self._open[key] is not None
        return self._state.get(self._object_type, key) is not None

    def look(self, key: bytes) -> T | None:
        """Give an object to read, None if there is none."""
        try:
            return self._open[key]
        except KeyError:
            found = self._open[key] = self._load(key)
            return found

    def edit(self, key: bytes) -> T | None:
        """Give an object to change in place, None if there is none."""
        self._written[key] = None
        return self.look(key)

    def put(self, key: bytes, value: T | None) -> None:
        """Make or replace an object; None removes it."""
        self._written[key] = None
        self._open[key] = value

    def all_of(self, trie: Hamt) -> Iterator[T]:
        """Go through the objects of this type; what nobody touched is decoded and not kept.

        trie: the state's own.
        """
        for opened in self._open.values():
            if opened is not None:
                yield opened
        for key, data in trie.items():
            if key not in self._open:
                yield canonical.load(self._kind, data)

    def changes(self) -> Iterator[Change]:
        """Encode what was written, each object once; give what came out different."""
        for key in self._written:
            value = self._open[key]
            after = None if value is None else canonical.dump(value)
            if after != self._state.get(self._object_type, key):
                yield Change(self._object_type, key, after)

    def _load(self, key: bytes) -> T | None:
        data = self._state.get(self._object_type, key)
        return None if data is None else canonical.load(self._kind, data)


class WorkingSet:
    """All objects of a shop, as far as they are touched, and what is known about several of them at once.

    vanished: (listing id, variation name), or (listing id, None) for a whole listing, for everything that one
    of the patches made vanish, whether or not a later one brought it back.
    """

    def __init__(self, state: ShopState) -> None:
        """Start from a state, which stays as it is."""
        self.manifests = Shelf(state, ObjectType.MANIFEST, Manifest)
        self.accounts = Shelf(state, ObjectType.ACCOUNT, Account)
        self.listings = Shelf(state, ObjectType.LISTING, Listing)
        self.tags = Shelf(state, ObjectType.TAG, Tag)
        self.orders = Shelf(state, ObjectType.ORDER, Order)
        self.inventory = Shelf(state, ObjectType.INVENTORY, int)
        self.tag_index = TagIndex(self.tags.look, lambda: self.tags.all_of(state.tags))
        self.vanished: set[tuple[int, str | None]] = set()
        self._variation_names: dict[bytes, set[str]] = {}

    @property
    def manifest(self) -> Manifest | None:
        """The manifest, None in a shop that has none yet."""
        return self.manifests.look(MANIFEST_KEY)

    def variation_names(self, listing_key: bytes) -> set[str]:
        """Give the names of all variations of a listing; who changes the listing keeps this set in step."""
        names = self._variation_names.get(listing_key)
        if names is None:
            listing = self.listings.look(listing_key)
            options = (listing.options if listing is not None else None) or {}
            names = {name for option in options.values() for name in option.variations or ()}
            self._variation_names[listing_key] = names
        return names

    def changes(self) -> Iterator[Change]:
        """Give what the patches changed, for good: touched and put back is no change."""
        for shelf in (self.manifests, self.accounts, self.listings, self.tags, self.orders, self.inventory):
            yield from shelf.changes()
