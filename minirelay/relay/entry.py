"""One set on its way into the log: what it does to the shop, and what the store has to write of that.

Everything here reads and changes nothing, so that it can run beside the event loop.
"""

from collections.abc import Iterator, Mapping

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

    growth_bytes: about what more the state takes in memory. leaves and changes are
    what the store records. wire: the set in its pushed form, numbered for its place in the log. nonce: of its
    header. signer: whose signature it has, a compressed public key.
    """

    applied: AppliedPatchSet
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
    rows, growth_bytes = _changes(before, owners, applied)
    return Entry(
        applied=applied,
        growth_bytes=growth_bytes,
        leaves=tuple(
            [
                Leaf(patch.object_type, patch.object_id, owner)
                for patch, owner in zip(patch_set.patches, applied.patch_owners, strict=True)
            ]
        ),
        changes=rows,
        wire=encode_set(seq, patch_set),
        nonce=patch_set.header.key_card_nonce,
        author=author,
        signer=patch_set.signer,
    )


def entry_bytes(key: bytes, value: bytes | None) -> int:
    """Return about what an object takes in memory. value: its canonical bytes, None if there is none."""
    return 0 if value is None else ENTRY_BYTES + len(key) + len(value)


def _changes(
    before: ShopState, owners: Mapping[bytes, int], applied: AppliedPatchSet
) -> tuple[tuple[ObjectRow, ...], int]:
    """Make the rows of what changed; tell about what more it takes in memory, in bytes."""
    growth_bytes = 0
    rows: list[ObjectRow] = []
    for change in applied.changes:
        object_type, key, value = change.object_type, change.key, change.value
        known = change.before
        if value is not None and known is not None:
            growth_bytes += len(value) - len(known)
        else:
            growth_bytes += entry_bytes(key, value) - entry_bytes(key, known)
        owner = NOBODY
        if object_type is ObjectType.ORDER:
            owner = applied.owners.get(key, owners.get(key, NOBODY))
        rows.append(object_row(object_type, key, value, owner, before=known))
    if applied.owners:
        rows += _rows_of_new_owners(before, applied)
    return tuple(rows), growth_bytes


def _rows_of_new_owners(before: ShopState, applied: AppliedPatchSet) -> Iterator[ObjectRow]:
    """Make the rows of orders that were removed and made again as they were: perhaps they are another's."""
    changed = {one.key for one in applied.changes if one.object_type is ObjectType.ORDER}
    for order_id, owner in applied.owners.items():
        if order_id not in changed:
            value = before.get(ObjectType.ORDER, order_id)
            yield object_row(ObjectType.ORDER, order_id, value, owner, before=value)
