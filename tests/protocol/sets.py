"""Patch sets to test with."""

from datetime import UTC, datetime

from minirelay.protocol.cbor import Key, Value, encode
from minirelay.protocol.mmr import root
from minirelay.protocol.patch_set import (
    NewPatch,
    VerifiedPatchSet,
    join_patch_set,
    open_patch_set,
    seal_patch_set,
)
from minirelay.protocol.signing import PrivateKey

KEY = PrivateKey.from_bytes(b"\x07" * 32)
SHOP_ID = 2**255 + 77
MORNING = datetime(2025, 6, 1, 9, 0, 0, tzinfo=UTC)


def a_patch(number: int, size: int = 10) -> NewPatch:
    """Make a patch that replaces a title; its value has this many bytes."""
    return NewPatch("replace", ("Listings", number + 1, "Metadata", "Title"), "x" * size)


def sealed(patches: list[NewPatch], nonce: int = 1) -> bytes:
    """Seal a set with the test key."""
    return seal_patch_set(patches, shop_id=SHOP_ID, key_card_nonce=nonce, timestamp=MORNING, key=KEY)


def verified(count: int, size: int = 10) -> VerifiedPatchSet:
    """Make a verified set of so many patches with values of this size."""
    return open_patch_set(sealed([a_patch(number, size) for number in range(count)]))


def signed(leaves: list[bytes], **changes: Value) -> bytes:
    """Join a set of these very patches, with a header that fits them but for the changes."""
    fields: dict[Key, Value] = {
        "KeyCardNonce": 1,
        "ShopID": SHOP_ID,
        "Timestamp": MORNING,
        "RootHash": root(leaves),
    }
    fields.update(changes)
    header = encode(fields)
    return join_patch_set(header, KEY.sign(header), leaves)
