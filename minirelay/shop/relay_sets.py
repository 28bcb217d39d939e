"""What the relay adds behind a client's set, put into sets of its own (spec 01, 06)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.order_states import STATE_FIELD, OrderState

MOST_PATCHES: Final = 1024
MOST_BYTES: Final = 384 * 1024
"""Of one of the relay's sets: with the proofs, of ten hashes each, it is small enough to be pushed whole."""

_PATCH_BYTES: Final = 384
_HASH_BYTES: Final = 34

OrderPatches = tuple[NewPatch, ...]
"""What the relay writes into one order: all of it in one set."""


def cancel_patches(order_id: bytes, has_canceled_at: bool, now: int) -> OrderPatches:
    """Make the relay's patches that cancel an order. has_canceled_at: a client wrote that already."""
    path = ("Orders", int.from_bytes(order_id))
    state = NewPatch("replace", (*path, STATE_FIELD), int(OrderState.CANCELED))
    if has_canceled_at:
        return (state,)
    return NewPatch("add", (*path, "CanceledAt"), datetime.fromtimestamp(now, UTC)), state


def relay_sets(
    patches: Iterable[OrderPatches], most: int = MOST_PATCHES, most_bytes: int = MOST_BYTES
) -> list[list[NewPatch]]:
    """Put patches into as few sets as may be, in their order; those of an order stay together.

    most, most_bytes: of the patches of one set, if there is more than one order in it.
    """
    sets: list[list[NewPatch]] = []
    room = 0
    for group in patches:
        size = sum(map(_size_bytes, group))
        if not sets or len(sets[-1]) + len(group) > most or size > room:
            sets.append([])
            room = most_bytes
        sets[-1] += group
        room -= size
    return sets


def _size_bytes(patch: NewPatch) -> int:
    """Return about how large a patch gets; what makes one large is the hashes of many items."""
    hashes = patch.value.get("ListingHashes") if isinstance(patch.value, dict) else None
    return _PATCH_BYTES + _HASH_BYTES * len(hashes) if isinstance(hashes, list) else _PATCH_BYTES
