"""Everything that crosses into the store and out of it: reading this file is reading the data flow.

A shop and a key card are known by their *row id*, a small integer that the relay hands out in memory,
counting on from what `Reader.next_rows` says, so that a commit needs no answer from the database. A gap
in the row ids does no harm.

None of these can be part of a cycle, so the garbage collector need not look at them (gc=False): there can be
hundreds of thousands.
"""

from collections.abc import Iterable, Mapping

import msgspec

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType

MAX_NONCE = 2**64 - 1
MAX_SEQ = 2**40 - 1
NO_LIMIT = 2**62

# Written into the database: another length needs a migration.
PIECE_BYTES = 4000
RELAY = 0
"""The author of what the relay itself wrote."""
NEW_SHOPS = 0
"""In place of a shop's row id: all shops that have none yet."""


class ShopRow(msgspec.Struct, frozen=True, gc=False):
    """A shop that this relay serves.

    shop_id: the token id, 0 to 2^256-1. relay_nonce: the last nonce with which the relay signed in this
    shop, 0 if it never did. created_at: unix seconds, the timestamp of its first set. authors_after: the sets
    up to and including this number have no author, they are from before authors were stored; 0 where all have
    one.
    """

    row_id: int
    shop_id: int
    relay_nonce: int
    created_at: int = 0
    authors_after: int = 0


class KeyCard(msgspec.Struct, frozen=True, gc=False):
    """A key card that was ever enrolled (spec 05).

    public_key: 33 bytes. shop: row id. wallet: 20 bytes. last_nonce: 0 to 2^64-1, 0 if it never wrote.
    enrolled_at: unix seconds, the timestamp of the set that enrolled it.
    """

    row_id: int
    public_key: bytes
    shop: int
    wallet: bytes
    is_guest: bool
    last_nonce: int
    is_unlinked: bool
    enrolled_at: int = 0


class Leaf(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the log remembers of one patch, in the order of the patches of its set.

    owner: the row id of the key card that created the order which the patch touches; NOBODY for
    everything else, and for orders that no guest created.
    """

    object_type: ObjectType
    object_id: bytes
    owner: int = NOBODY


class Counts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How much the log of a shop holds, up to and including some set: patches by object type, and bytes.

    size_bytes: the lengths of all `wire`, added up.
    """

    listings: int = 0
    tags: int = 0
    orders: int = 0
    accounts: int = 0
    manifest: int = 0
    inventory: int = 0
    size_bytes: int = 0

    @property
    def total(self) -> int:
        """Count all patches."""
        return self.listings + self.tags + self.orders + self.accounts + self.manifest + self.inventory

    def of(self, *types: ObjectType) -> int:
        """Count the patches to objects of these types; each is to be named once."""
        by_type = self.by_type
        return sum(by_type[object_type - 1] for object_type in types)

    @property
    def by_type(self) -> tuple[int, int, int, int, int, int]:
        """List the six patch counts in the order of the numbers of `ObjectType`."""
        return (self.listings, self.tags, self.orders, self.accounts, self.manifest, self.inventory)

    def plus(self, leaves: Iterable[Leaf], size_bytes: int) -> "Counts":
        """Count one more set. size_bytes: the length of its `wire`."""
        counts = [self.listings, self.tags, self.orders, self.accounts, self.manifest, self.inventory]
        types = [leaf.object_type for leaf in leaves]
        for object_type in set(types):
            counts[object_type - 1] += types.count(object_type)
        counts.append(self.size_bytes + size_bytes)
        return Counts(*counts)


EMPTY_COUNTS = Counts()


class StoredSet(msgspec.Struct, frozen=True, gc=False):
    """One set of a shop's log.

    seq: from 1, without gaps but those of restores. counts: of the log up to and including this set. wire:
    as it is pushed to a subscriber who may see all of it (`protocol.push.encode_set`). author: the row id of
    the key card that wrote it, RELAY for the relay; None only where that was not stored
    (`ShopRow.authors_after`).
    """

    seq: int
    leaves: tuple[Leaf, ...]
    counts: Counts
    wire: bytes
    author: int | None


class Gap(msgspec.Struct, frozen=True, gc=False):
    """A gap that a restore left in a shop's log (spec 09): no set has a number between these two.

    after: the restored end, 0 for an empty log. next: of the set behind it, stored or to come.
    """

    after: int
    next: int


class WireSet(msgspec.Struct, frozen=True, gc=False):
    """One set of a log for a subscriber who sees all of it: only its number, its patches, its bytes."""

    seq: int
    patch_count: int
    wire: bytes


class TypesSeen(msgspec.Struct, frozen=True, gc=False):
    """The object types of which a subscriber sees all patches, and the others of which perhaps some."""

    whole: frozenset[ObjectType]
    others: frozenset[ObjectType]


class TypedSet(msgspec.Struct, frozen=True, gc=False):
    """One set of a log for a subscriber who does not see everything: see `TypesSeen`.

    is_whole: it is seen whole, by its types. leaves: none of such a set, nor of one of which nothing is seen;
    of others each has to be asked for. wire: empty if nothing of the set is seen.
    """

    seq: int
    patch_count: int
    is_whole: bool
    leaves: tuple[Leaf, ...]
    wire: bytes


class ObjectRow(msgspec.Struct, frozen=True, gc=False):
    """A materialised object, or its absence; made by `pieces.object_row`.

    key: the key in its trie, b"" for the manifest. value: canonical CBOR, the first PIECE_BYTES of it; None
    removes it. owner: as in `Leaf`, for orders. pieces: of what follows in the same lengths, those that are
    other than before, each with its number from 1. piece_count: how many follow.
    """

    object_type: ObjectType
    key: bytes
    value: bytes | None
    owner: int = NOBODY
    pieces: tuple[tuple[int, bytes], ...] = ()
    piece_count: int = 0

    def __post_init__(self) -> None:
        """Refuse (ValueError) more than one piece in one: the next change would miss it."""
        if self.value is not None and len(self.value) > PIECE_BYTES:
            raise ValueError(f"an object of {len(self.value)} bytes has to come in pieces")


class StoredObject(msgspec.Struct, frozen=True, gc=False):
    """A materialised object that is there. The fields are those of `ObjectRow`; value is whole."""

    object_type: ObjectType
    key: bytes
    value: bytes
    owner: int


class Selection(msgspec.Struct, frozen=True, gc=False):
    """One part of where a reader's patches are to be found: in the union of its selections.

    object_id: one object, None for all of this type. owner: only the patches of orders that this key
    card (row id) created, NOBODY for those of all owners; meant for orders.
    """

    object_type: ObjectType
    object_id: bytes | None = None
    owner: int = NOBODY


class SelectedSet(msgspec.Struct, frozen=True, gc=False):
    """A set of which the reader sees something. leaves: the indexes of that, ascending, at least one."""

    seq: int
    leaves: tuple[int, ...]
    wire: bytes


class SelectedPage(msgspec.Struct, frozen=True, gc=False):
    """A stretch of the log, as one reader sees it.

    sets: in log order, perhaps none. through: everything that it sees up to and including this sequence
    number is in `sets`, or came before; go on after it.
    """

    sets: tuple[SelectedSet, ...]
    through: int


class NextRows(msgspec.Struct, frozen=True, gc=False):
    """The first row ids that are free."""

    shop: int
    card: int


class BatchReport(msgspec.Struct, frozen=True, gc=False):
    """What one transaction was.

    commits: how many of what went into it was judged on a state. rows: written. ends: of each shop with new
    sets, by row id: the number of its last one. duration_s: fsync included.
    """

    commits: int
    rows: int
    ends: Mapping[int, int]
    duration_s: float


class ChainHeadRow(msgspec.Struct, frozen=True, gc=False):
    """A block of a chain that was polled. hash, parent: 32 bytes each. timestamp: epoch seconds."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int


class ChainMark(msgspec.Struct, frozen=True, gc=False):
    """How far a chain is read: numbers of blocks. final_time: of the block `final`, epoch seconds."""

    scanned: int
    deep: int
    final: int
    final_time: int


class ChainProgress(msgspec.Struct, frozen=True):
    """What is remembered of a chain. heads: of one fork, oldest first."""

    mark: ChainMark
    heads: tuple[ChainHeadRow, ...]


class BlobRow(msgspec.Struct, frozen=True, gc=False):
    """A whole blob. row: its id in the database. hash: SHA-256 of its root. size: of the file, in bytes."""

    row: int
    hash: bytes
    size: int
    media_type: str


class ShopBlob(msgspec.Struct, frozen=True, gc=False):
    """A blob as a shop has it. shop: row id. uploaded_at: epoch seconds. hash: SHA-256 of its root."""

    shop: int
    size: int
    uploaded_at: int
    hash: bytes
    media_type: str
