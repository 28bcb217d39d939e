"""The working set of one patch set: decode once, patch many times, encode once (spec 04).

All or nothing costs nothing: a state never changes, so a refused patch set is a draft that is never finished.
"""

from collections.abc import Callable, Mapping, Set

from minirelay.errors import invalid
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.shop import (
    rules_accounts,
    rules_inventory,
    rules_listings,
    rules_manifest,
    rules_orders,
    rules_tags,
)
from minirelay.shop.objects import Account, Listing, Manifest, Order, Tag
from minirelay.shop.order_states import OrderState
from minirelay.shop.state import MANIFEST_KEY, Change, ShopState
from minirelay.shop.work import PATCH, Work
from minirelay.shop.working_set import WorkingSet

RULES: Mapping[ObjectType, Callable[[WorkingSet, Patch], None]] = {
    ObjectType.MANIFEST: rules_manifest.apply,
    ObjectType.ACCOUNT: rules_accounts.apply,
    ObjectType.LISTING: rules_listings.apply,
    ObjectType.TAG: rules_tags.apply,
    ObjectType.INVENTORY: rules_inventory.apply,
    ObjectType.ORDER: rules_orders.apply,
}


class Draft:
    """A state with patches on the way in.

    What its methods give is for reading, and only until the next `apply`.
    """

    def __init__(self, state: ShopState, work: Work | None = None, before: "Draft | None" = None) -> None:
        """Start from a state, which stays as it is. work: counts what it costs.

        before: the draft that finished as this state, to be dropped now. What it decoded is taken over.
        """
        self._state = state
        self._work = Work() if work is None else work
        self._working: WorkingSet = WorkingSet(state, self._work, None if before is None else before._working)

    def apply(self, patch: Patch) -> None:
        """Apply one patch behind those before it.

        Raises Refusal: NOT_FOUND, INVALID or OUT_OF_STOCK, and WorkExceeded. After that this draft is worth
        nothing: drop it.
        """
        self._work.spend(PATCH)
        if patch.object_type is not ObjectType.MANIFEST and not self._working.manifests.has(MANIFEST_KEY):
            raise invalid("this shop has no manifest yet: it has to be created first")
        RULES[patch.object_type](self._working, patch)

    def finish(self) -> tuple[ShopState, tuple[Change, ...]]:
        """Encode what was touched; give the new state, and what is different in it. Raises WorkExceeded."""
        changes = tuple(self._working.changes())
        return self._state.with_changes(changes), changes

    @property
    def manifest(self) -> Manifest | None:
        """Return the manifest, None in a shop that has none yet."""
        return self._working.manifest

    @property
    def vanished(self) -> Set[tuple[int, str | None]]:
        """Return what one of the patches made vanish, whether or not a later one brought it back (spec 06).

        (listing id, variation name), and (listing id, None) for a whole listing.
        """
        return self._working.vanished

    def account(self, address: bytes) -> Account | None:
        """Return an account by the 20 bytes of its wallet's address."""
        return self._working.accounts.look(address)

    def listing(self, listing_id: bytes) -> Listing | None:
        """Return a listing by the 8 bytes of its id."""
        return self._working.listings.look(listing_id)

    def variation_names(self, listing_id: bytes) -> Set[str]:
        """Return the names of all variations of a listing; none if there is no such listing."""
        return self._working.variation_names(listing_id)

    def tag(self, name: bytes) -> Tag | None:
        """Return a tag by the name in its path, in UTF-8."""
        return self._working.tags.look(name)

    def order(self, order_id: bytes) -> Order | None:
        """Return an order by the 8 bytes of its id."""
        return self._working.orders.look(order_id)

    def order_before(self, order_id: bytes) -> OrderState | None:
        """Return the state of an order, None if there is none: for `order_life.check_client_write`."""
        order = self._working.orders.look(order_id)
        return None if order is None else order.state

    def stock(self, key: bytes) -> int | None:
        """Return what a stock record counts, by its `state.inventory_key`."""
        return self._working.inventory.look(key)
