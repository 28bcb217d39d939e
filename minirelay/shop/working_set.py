"""A whole shop while one patch set changes it."""

from collections.abc import Iterator
from typing import Any, final

from minirelay.protocol.objects import ObjectType
from minirelay.shop.object_cache import ObjectCache
from minirelay.shop.objects import Account, Listing, Manifest, Order, Tag
from minirelay.shop.state import MANIFEST_KEY, Change, ShopState
from minirelay.shop.tag_index import TagIndex
from minirelay.shop.work import Work


@final
class WorkingSet:
    """All objects of a shop, as far as they are touched, and what is known about several of them at once.

    vanished: (listing id, variation name), or (listing id, None) for a whole listing, for everything that one
    of the patches made vanish, whether or not a later one brought it back.
    """

    manifests: ObjectCache[Manifest]
    listings: ObjectCache[Listing]

    def __init__(
        self, state: ShopState, work: Work | None = None, before: "WorkingSet | None" = None
    ) -> None:
        """Start from a state, which stays as it is. work: counts what it costs. before: see `Draft`."""
        self.work = work = Work() if work is None else work
        self.manifests = ObjectCache(state, ObjectType.MANIFEST, Manifest, work, before and before.manifests)
        self.listings = ObjectCache(state, ObjectType.LISTING, Listing, work, before and before.listings)
        # Most sets touch none of these.
        self._accounts: ObjectCache[Account] | None = None
        self._tags: ObjectCache[Tag] | None = None
        self._orders: ObjectCache[Order] | None = None
        self._inventory: ObjectCache[int] | None = None
        self._tag_index: TagIndex | None = None
        self._state = state
        if before is not None:
            self._take_over(before)
        self.vanished: set[tuple[int, str | None]] = set()
        self._variation_names: dict[bytes, set[str]] = {}

    def _take_over(self, before: "WorkingSet") -> None:
        state, work = self._state, self.work
        if before._accounts is not None:
            self._accounts = ObjectCache(state, ObjectType.ACCOUNT, Account, work, before._accounts)
        if before._tags is not None:
            self._tags = ObjectCache(state, ObjectType.TAG, Tag, work, before._tags)
        if before._orders is not None:
            self._orders = ObjectCache(state, ObjectType.ORDER, Order, work, before._orders)
        if before._inventory is not None:
            self._inventory = ObjectCache(state, ObjectType.INVENTORY, int, work, before._inventory)

    @property
    def accounts(self) -> ObjectCache[Account]:
        """Return the accounts."""
        if self._accounts is None:
            self._accounts = ObjectCache(self._state, ObjectType.ACCOUNT, Account, self.work)
        return self._accounts

    @property
    def tags(self) -> ObjectCache[Tag]:
        """Return the tags."""
        if self._tags is None:
            self._tags = ObjectCache(self._state, ObjectType.TAG, Tag, self.work)
        return self._tags

    @property
    def orders(self) -> ObjectCache[Order]:
        """Return the orders."""
        if self._orders is None:
            self._orders = ObjectCache(self._state, ObjectType.ORDER, Order, self.work)
        return self._orders

    @property
    def inventory(self) -> ObjectCache[int]:
        """Return the stock counts."""
        if self._inventory is None:
            self._inventory = ObjectCache(self._state, ObjectType.INVENTORY, int, self.work)
        return self._inventory

    @property
    def tag_index(self) -> TagIndex:
        """Return which tag names which listing."""
        if self._tag_index is None:
            self._tag_index = TagIndex(self.tags, self._state.tags, self.work)
        return self._tag_index

    @property
    def manifest(self) -> Manifest | None:
        """Return the manifest, None in a shop that has none yet."""
        return self.manifests.look(MANIFEST_KEY)

    def variation_names(self, listing_key: bytes) -> set[str]:
        """Return the names of all variations of a listing; who changes the listing keeps this set in step."""
        names = self._variation_names.get(listing_key)
        if names is None:
            listing = self.listings.look(listing_key)
            options = (listing.options if listing is not None else None) or {}
            names = {name for option in options.values() for name in option.variations or ()}
            self._variation_names[listing_key] = names
        return names

    def changes(self) -> Iterator[Change]:
        """Yield what the patches changed, for good: touched and put back is no change."""
        caches: tuple[ObjectCache[Any] | None, ...] = (
            *(self.manifests, self._accounts, self.listings, self._tags, self._orders, self._inventory),
        )
        for cache in caches:
            if cache is not None and cache.written:
                yield from cache.changes()
