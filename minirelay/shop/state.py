"""The state of a shop: every object as its canonical bytes, and one hash of all of it (spec 03)."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

import msgspec

from minirelay.protocol.cbor import encode
from minirelay.protocol.ids import HASH_BYTES, OBJECT_ID_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.shop.hamt import EMPTY, Hamt

SCHEMA_VERSION: Final = 4
MANIFEST_KEY: Final = b""
VARIATION_SEPARATOR: Final = "|"

# The attribute of each trie, in the order of `objects`: what others refer to comes first.
_TRIES: Final = {
    ObjectType.ACCOUNT: "accounts",
    ObjectType.LISTING: "listings",
    ObjectType.TAG: "tags",
    ObjectType.ORDER: "orders",
    ObjectType.INVENTORY: "inventory",
}

# The map that the shop's hash covers, without its values: it is put together for every write, and its shape
# never changes. The keys stand in the order of core deterministic encoding.
_MAP_OF_SEVEN: Final = b"\xa7"
_HASH_HEAD: Final = encode(bytes(HASH_BYTES))[:-HASH_BYTES]
_TAGS: Final = encode("Tags") + _HASH_HEAD
_ORDERS: Final = encode("Orders") + _HASH_HEAD
_ACCOUNTS: Final = encode("Accounts") + _HASH_HEAD
_LISTINGS: Final = encode("Listings") + _HASH_HEAD
_MANIFEST: Final = encode("Manifest")
_INVENTORY: Final = encode("Inventory") + _HASH_HEAD
_SCHEMA_VERSION: Final = encode("SchemaVersion")
_VERSIONS: Final = {SCHEMA_VERSION: encode(SCHEMA_VERSION)}
_NULL: Final = encode(None)


class Change(msgspec.Struct, frozen=True):
    """One object as it is after a write.

    key: its trie key, b"" for the manifest. value: its canonical bytes, None when it was removed. before: as
    it was, None if there was none.
    """

    object_type: ObjectType
    key: bytes
    value: bytes | None
    before: bytes | None = None


class ShopState(msgspec.Struct, frozen=True, dict=True):
    """A shop at one moment. Immutable: a change gives a new state, which shares what did not change."""

    schema_version: int = SCHEMA_VERSION
    manifest: bytes | None = None
    accounts: Hamt = EMPTY
    listings: Hamt = EMPTY
    tags: Hamt = EMPTY
    orders: Hamt = EMPTY
    inventory: Hamt = EMPTY

    @staticmethod
    def from_objects(objects: Iterable[tuple[ObjectType, bytes, bytes]]) -> "ShopState":
        """Build a state from all its objects: type, key, canonical bytes; in any order."""
        manifest = None
        entries: dict[ObjectType, list[tuple[bytes, bytes]]] = {object_type: [] for object_type in _TRIES}
        for object_type, key, value in objects:
            if object_type is ObjectType.MANIFEST:
                manifest = value
            else:
                entries[object_type].append((key, value))
        tries = {_TRIES[object_type]: Hamt.from_items(items) for object_type, items in entries.items()}
        return msgspec.structs.replace(ShopState(manifest=manifest), **tries)

    def get(self, object_type: ObjectType, key: bytes) -> bytes | None:
        """Find an object's canonical bytes. key: its trie key; b"" for the manifest."""
        if object_type is ObjectType.MANIFEST:
            return self.manifest
        trie: Hamt = getattr(self, _TRIES[object_type])
        return trie.get(key)

    def with_changes(self, changes: Iterable[Change]) -> "ShopState":
        """Make the state after these changes, in their order."""
        manifest = self.manifest
        tries: dict[str, Hamt] = {}
        for change in changes:
            if change.object_type is ObjectType.MANIFEST:
                manifest = change.value
                continue
            name = _TRIES[change.object_type]
            trie = tries[name] if name in tries else self._trie(change.object_type)
            tries[name] = (
                trie.delete(change.key) if change.value is None else trie.set(change.key, change.value)
            )
        return msgspec.structs.replace(self, manifest=manifest, **tries)

    def objects(self) -> Iterator[tuple[ObjectType, bytes, bytes]]:
        """Go through all objects: type, key, canonical bytes; the manifest first."""
        if self.manifest is not None:
            yield ObjectType.MANIFEST, MANIFEST_KEY, self.manifest
        for object_type in _TRIES:
            for key, value in self._trie(object_type).items():
                yield object_type, key, value

    @property
    def root_hash(self) -> bytes:
        """Return the 32-byte hash of the whole shop (spec 03 "Root hash of the shop"), computed once.

        A shop without a manifest, which is none yet, has null in its place.
        """
        # No cached_property: before Python 3.12 that has one lock for all states, and whoever hashes a large
        # shop in a thread would stop the loop at the next write to any other.
        known: bytes | None = self.__dict__.get("root_hash")
        if known is None:
            known = self.__dict__["root_hash"] = self._hash()
        return known

    @property
    def unhashed_bytes(self) -> int:
        """Return how many bytes `root_hash` has to hash at most that were not hashed before."""
        if "root_hash" in self.__dict__:
            return 0
        in_tries = self.accounts.unhashed_bytes + self.listings.unhashed_bytes + self.tags.unhashed_bytes
        in_tries += self.orders.unhashed_bytes + self.inventory.unhashed_bytes
        return len(self.manifest or b"") + in_tries

    def _hash(self) -> bytes:
        parts = (
            *(_MAP_OF_SEVEN, _TAGS, self.tags.root_hash),
            *(_ORDERS, self.orders.root_hash),
            *(_ACCOUNTS, self.accounts.root_hash),
            *(_LISTINGS, self.listings.root_hash),
            *(_MANIFEST, _NULL if self.manifest is None else self.manifest),
            *(_INVENTORY, self.inventory.root_hash),
            *(_SCHEMA_VERSION, _VERSIONS.get(self.schema_version) or encode(self.schema_version)),
        )
        return sha256(b"".join(parts)).digest()

    def _trie(self, object_type: ObjectType) -> Hamt:
        trie: Hamt = getattr(self, _TRIES[object_type])
        return trie


def id_key(object_id: int) -> bytes:
    """Make the trie key of a listing or an order. object_id: a uint64."""
    return object_id.to_bytes(OBJECT_ID_BYTES)


def tag_key(name: str) -> bytes:
    """Make the trie key of a tag."""
    return name.encode()


def inventory_key(listing_id: int, variations: Iterable[str] = ()) -> bytes:
    """Make the trie key of a stock count. variations: the names, in any order."""
    names = sorted(name.encode() for name in variations)
    return id_key(listing_id) + VARIATION_SEPARATOR.encode().join(names)
