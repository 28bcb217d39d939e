"""One set on its way into the log: what it does to the shop, and what the store has to write of that.

Everything here reads and changes nothing, so that it can run beside the event loop.
"""

from collections.abc import Mapping

import msgspec

from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import VerifiedPatchSet
from minirelay.protocol.push import encode_set
from minirelay.shop.ownership import Author
from minirelay.shop.patch_application import AppliedPatchSet
from minirelay.shop.state import ShopState
from minirelay.store.messages import Leaf, ObjectRow
from minirelay.store.pieces import object_row

ENTRY_BYTES = 512
"""What an object or a key card takes in memory beside its bytes: nodes, entries of maps."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One set that may be appended to the log, and what it comes to.

    root_hash: of the state. growth_bytes: about what more the state takes in memory. leaves and changes are
    what the store records. wire: the set in its pushed form, numbered for its place in the log. nonce: of its
    header. signer: whose signature it has, a compressed public key.
    """

    applied: AppliedPatchSet
    root_hash: bytes
    growth_bytes: int
    leaves: tuple[Leaf, ...]
    changes: tuple[ObjectRow, ...]
    wire: bytes
    nonce: int
    author: Author
    signer: bytes


def make_entry(
    before: ShopState,
    owners: Mapping[bytes, int],
    author: Author,
    patch_set: VerifiedPatchSet,
    applied: AppliedPatchSet,
    seq: int,
) -> Entry:
    """Make the entry of a set that was applied to a state. owners: before it. seq: its number in the log."""
    return Entry(
        applied=applied,
        root_hash=applied.state.root_hash,
        growth_bytes=sum(
            entry_bytes(one.key, one.value) - entry_bytes(one.key, before.get(one.object_type, one.key))
            for one in applied.changes
        ),
        leaves=tuple(
            [
                Leaf(patch.object_type, patch.object_id, owner)
                for patch, owner in zip(patch_set.patches, applied.patch_owners, strict=True)
            ]
        ),
        changes=_rows(before, owners, applied),
        wire=encode_set(seq, patch_set),
        nonce=patch_set.header.key_card_nonce,
        author=author,
        signer=patch_set.signer,
    )


def entry_bytes(key: bytes, value: bytes | None) -> int:
    """Return about what an object takes in memory. value: its canonical bytes, None if there is none."""
    return 0 if value is None else ENTRY_BYTES + len(key) + len(value)


def _rows(before: ShopState, owners: Mapping[bytes, int], applied: AppliedPatchSet) -> tuple[ObjectRow, ...]:
    new_owners = applied.owners
    rows = [
        object_row(
            change.object_type,
            change.key,
            change.value,
            new_owners.get(change.key, owners.get(change.key, NOBODY))
            if change.object_type is ObjectType.ORDER
            else NOBODY,
            before=before.get(change.object_type, change.key),
        )
        for change in applied.changes
    ]
    if new_owners:
        # Removed and made again just as it was: the same bytes, but perhaps another's.
        changed = {row.key for row in rows if row.object_type is ObjectType.ORDER}
        rows += [
            object_row(ObjectType.ORDER, order_id, value, owner, before=value)
            for order_id, owner in new_owners.items()
            if order_id not in changed
            for value in (before.get(ObjectType.ORDER, order_id),)
        ]
    return tuple(rows)
