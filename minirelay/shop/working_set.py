"""A whole shop while one patch set changes it."""

from collections.abc import Iterator
from typing import final

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
    accounts: ObjectCache[Account]
    listings: ObjectCache[Listing]
    tags: ObjectCache[Tag]
    orders: ObjectCache[Order]
    inventory: ObjectCache[int]

    def __init__(
        self, state: ShopState, work: Work | None = None, before: "WorkingSet | None" = None
    ) -> None:
        """Start from a state, which stays as it is. work: counts what it costs. before: see `Draft`."""
        self.work = work = Work() if work is None else work
        self.manifests = ObjectCache(state, ObjectType.MANIFEST, Manifest, work, before and before.manifests)
        self.accounts = ObjectCache(state, ObjectType.ACCOUNT, Account, work, before and before.accounts)
        self.listings = ObjectCache(state, ObjectType.LISTING, Listing, work, before and before.listings)
        self.tags = ObjectCache(state, ObjectType.TAG, Tag, work, before and before.tags)
        self.orders = ObjectCache(state, ObjectType.ORDER, Order, work, before and before.orders)
        self.inventory = ObjectCache(state, ObjectType.INVENTORY, int, work, before and before.inventory)
        self.tag_index = TagIndex(self.tags, state.tags, work)
        self.vanished: set[tuple[int, str | None]] = set()
        self._variation_names: dict[bytes, set[str]] = {}

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
        for cache in (self.manifests, self.accounts, self.listings, self.tags, self.orders, self.inventory):
            if cache.written:
                yield from cache.changes()
