"""Sets as an old log may hold them, and no relay accepts any more: with a header of almost a megabyte."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from minirelay.protocol.cbor import encode
from minirelay.protocol.mmr import proofs, root, verify_proof
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.push import SequencedPartialPatchSet, to_message
from minirelay.store.database import Store
from minirelay.store.messages import Counts, Leaf, StoredSet
from minirelay.store.writes import Commit
from tests.relay.house import RELAY_KEY, SHOP

LISTINGS = 50


def legacy_set(seq: int, before: Counts, header_bytes: int, patch_count: int) -> tuple[StoredSet, bytes]:
    """Make a set and give its root. A third of the patches is of the inventory, the others of listings."""
    leaves = tuple(
        Leaf(ObjectType.LISTING if number % 3 else ObjectType.INVENTORY, (number % LISTINGS).to_bytes(8))
        for number in range(patch_count)
    )
    patches = tuple(
        encode(
            {"Op": "replace", "Path": ["Listings", int.from_bytes(leaf.object_id), "Price"], "Value": number}
        )
        for number, leaf in enumerate(leaves)
    )
    root_hash = root(patches)
    header = encode(
        {
            "KeyCardNonce": seq,
            "ShopID": SHOP,
            "Timestamp": datetime(2025, 6, 1, tzinfo=UTC),
            "RootHash": root_hash,
            "Padding": bytes(header_bytes),
        }
    )
    pushed = SequencedPartialPatchSet(seq, 0, header, RELAY_KEY.sign(header), patches, proofs(patches))
    wire = to_message(pushed).SerializeToString()
    return StoredSet(seq, leaves, before.plus(leaves, len(wire)), wire, None), root_hash


async def write_legacy_sets(directory: Path, shapes: Sequence[tuple[int, int]]) -> dict[int, bytes]:
    """Append sets to the log of the shop that is there: header bytes, patches. Give roots by number."""
    roots: dict[int, bytes] = {}
    async with await Store.open(directory) as store:
        row = await store.reader.shop(SHOP)
        assert row is not None
        for header_bytes, patch_count in shapes:
            seq, counts = await store.reader.tail(row.row_id)
            stored, roots[seq + 1] = legacy_set(seq + 1, counts, header_bytes, patch_count)
            await store.writer.commit(Commit(epoch=store.writer.epoch, shop=row.row_id, sets=(stored,)))
    return roots


def leaves_of(sets: Sequence[SequencedPartialPatchSet], root_hash: bytes) -> list[int]:
    """Check the proofs of the parts of one set; give the leaves as they came."""
    leaves = []
    for one in sets:
        indexes = [
            verify_proof(patch, proof, root_hash)
            for patch, proof in zip(one.patches, one.proofs, strict=True)
        ]
        assert indexes[0] == one.leaf_index
        leaves += indexes
    return leaves
