"""Leaving patches out of pushed sets that a subscriber has already, or should not get."""

from collections.abc import Sequence
from itertools import compress

import msgspec

from minirelay.client.position import Position
from minirelay.protocol.mmr import leaf_index
from minirelay.protocol.patch_set import decode_patch
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.shop.access import Role, may_see


def without_known(pushed: SequencedPartialPatchSet, position: Position) -> SequencedPartialPatchSet | None:
    """Leave out what is known at a position; None if that is all. Raises MalformedInput: a proof is none."""
    if pushed.seq > position.seq:
        return pushed
    if pushed.seq < position.seq or position.leaf is None:
        return None
    known = position.leaf
    return _pick(pushed, [leaf_index(proof) > known for proof in pushed.proofs])


def only_public(pushed: SequencedPartialPatchSet) -> SequencedPartialPatchSet | None:
    """Leave out what a visitor does not see; None if that is all. Raises Refusal, MalformedInput."""
    types = (decode_patch(patch).object_type for patch in pushed.patches)
    return _pick(pushed, [may_see(Role.VISITOR, object_type, owns=False) for object_type in types])


def _pick(pushed: SequencedPartialPatchSet, wanted: Sequence[bool]) -> SequencedPartialPatchSet | None:
    if all(wanted):
        return pushed
    patches = tuple(compress(pushed.patches, wanted))
    proofs = tuple(compress(pushed.proofs, wanted))
    if not patches or not proofs:
        return None
    return msgspec.structs.replace(pushed, leaf_index=leaf_index(proofs[0]), patches=patches, proofs=proofs)
