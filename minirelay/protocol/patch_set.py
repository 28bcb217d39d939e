"""Signed patch sets: from bytes to a `VerifiedPatchSet`, and from patches to signed bytes (spec 02).

Clients sign and hash the bytes that they send, so these bytes are kept: the header's, and each patch's.
Nothing that a client signed is ever encoded again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

import msgspec

from minirelay.errors import MalformedInput, invalid
from minirelay.protocol import mmr
from minirelay.protocol.cbor import Key, Value, as_decoded, encode, encode_list_of, encode_map_of
from minirelay.protocol.cbor_reader import Reader
from minirelay.protocol.field_names import get_field
from minirelay.protocol.header import Header, decode_header, header_from
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.patch import Op, Patch, Path, decode_patch, new_patch, patch_from
from minirelay.protocol.piece import Piece
from minirelay.protocol.signing import SIGNATURE_BYTES, PrivateKey, recover
from minirelay.protocol.sizes import MAX_HEADER_BYTES, MAX_PATCHES_PER_SET, most_patch_bytes
from minirelay.protocol.timestamps import whole_seconds

__all__ = [
    "DecodedPatchSet",
    "Header",
    "NewPatch",
    "Op",
    "Patch",
    "VerifiedPatchSet",
    "decode_header",
    "decode_parts",
    "decode_patch",
    "decode_patch_set",
    "join_patch_set",
    "open_patch_set",
    "seal_patch_set",
    "sign_patch_set",
    "verify",
]

_WHAT: Final = "invalid CBOR encoding"
_LEAF_HEAD: Final = b"\xa3" + encode("Op")
_PATH: Final = encode("Path")
_VALUE: Final = encode("Value")
_SHOP_ID: Final = b"\xa4" + encode("ShopID")
_ROOT_HASH: Final = encode("RootHash") + encode(bytes(HASH_BYTES))[:-HASH_BYTES]
_TIMESTAMP: Final = encode("Timestamp")
_NONCE: Final = encode("KeyCardNonce")


class DecodedPatchSet(msgspec.Struct, frozen=True):
    """A patch set that is well formed; whether its root and signature are right is not known yet."""

    header: Header
    signature: bytes
    patches: tuple[Patch, ...]


@final
@dataclass(frozen=True, slots=True, init=False)
class VerifiedPatchSet:
    """A patch set whose root is that of its patches, and whose signer is known.

    Only `verify` makes them, which recomputes the root and recovers the signer, and `sign_patch_set`, which
    has just made both. signer: compressed public key, 33 bytes. proofs: the CBOR of the inclusion proof of
    each patch. Whether that signer may write to that shop is the relay's question, not answered here.
    """

    header: Header
    signature: bytes
    patches: tuple[Patch, ...]
    signer: bytes
    proofs: tuple[bytes, ...]

    def __init__(self) -> None:
        """Refuse: see `verify`."""
        raise TypeError("a VerifiedPatchSet is made by verify() and sign_patch_set() alone")


class NewPatch(msgspec.Struct, frozen=True):
    """A patch to be sealed. `remove` has no value; it is written as null."""

    op: Op
    path: Path
    value: Value = None


def open_patch_set(data: bytes) -> VerifiedPatchSet:
    """Decode and verify a SignedPatchSet. Raises Refusal INVALID."""
    return verify(decode_patch_set(data))


def decode_patch_set(data: bytes, most_patches: int = MAX_PATCHES_PER_SET) -> DecodedPatchSet:
    """Decode the CBOR of a SignedPatchSet as it is accepted; nothing is verified.

    most_patches: it may have; what comes behind so many is not even read.
    Raises Refusal INVALID: what spec 02 refuses, its limits included, or a patch that alone would be too
    large to be pushed. Each part of a set that passes can be read by itself.
    """
    try:
        entries = _read_set(Reader(data), most_patches)
    except MalformedInput as error:
        raise invalid(f"{_WHAT}: {error}") from error
    header = get_field(entries, "Header", _WHAT)
    signature = get_field(entries, "Signature", _WHAT)
    patches = get_field(entries, "Patches", _WHAT)
    if patches is not None and not isinstance(patches, _Pieces):
        raise invalid(f"{_WHAT}: Patches is not a list")
    if not isinstance(header, Piece):
        raise invalid("invalid header: there is none")
    if len(header.raw) > MAX_HEADER_BYTES:
        raise invalid(f"invalid header: it has more than {MAX_HEADER_BYTES} bytes")
    decoded = _assemble(
        header_from(header.value, header.raw),
        signature.value if isinstance(signature, Piece) else None,
        [patch_from(patch.value, patch.raw, has_bignums=patch.has_bignums) for patch in patches or ()],
    )
    _check_can_be_pushed(decoded)
    return decoded


def decode_parts(header: bytes, signature: bytes, patches: Sequence[bytes]) -> DecodedPatchSet:
    """Put a patch set together from the parts that a push or the log holds: all its patches, in order.

    The limits are those of acceptance and not asked for again: a log may be older than they are. Raises
    Refusal INVALID.
    """
    return _assemble(decode_header(header), signature, [decode_patch(patch) for patch in patches])


def verify(decoded: DecodedPatchSet) -> VerifiedPatchSet:
    """Recompute the root and recover the signer.

    Raises Refusal INVALID: "unexpected root hash", "invalid signature".
    """
    header, signature, patches = decoded.header, decoded.signature, decoded.patches
    rows = mmr.tree([patch.raw for patch in patches])
    if rows[-1][0] != header.root_hash:
        raise invalid("unexpected root hash")
    try:
        signer = recover(header.raw, signature)
    except MalformedInput as error:
        raise invalid(f"invalid signature: {error}") from error
    return _verified(decoded, signer, rows)


def sign_patch_set(
    patches: Sequence[NewPatch], *, shop_id: int, key_card_nonce: int, timestamp: datetime, key: PrivateKey
) -> VerifiedPatchSet:
    """Make and sign a patch set, to be applied at once: what opening the bytes of `seal_patch_set` gives.

    Nothing is recovered or decoded, since nothing came from elsewhere. timestamp: aware; whole seconds are
    written. Raises Refusal INVALID for what could not be accepted or pushed, and what `encode` raises.
    """
    if len(patches) > MAX_PATCHES_PER_SET:
        raise invalid(f"too many patches: a set has at most {MAX_PATCHES_PER_SET}")
    leaves = [_leaf(patch) for patch in patches]
    rows = mmr.tree(leaves)
    raw = _encode_header(shop_id, key_card_nonce, timestamp, rows[-1][0])
    decoded = DecodedPatchSet(
        Header(raw, key_card_nonce, shop_id, whole_seconds(timestamp), rows[-1][0]),
        key.sign(raw),
        tuple(
            [
                new_patch(patch.op, patch.path, as_decoded(patch.value), leaf)
                for patch, leaf in zip(patches, leaves, strict=True)
            ]
        ),
    )
    _check_can_be_pushed(decoded)
    return _verified(decoded, key.public_key, rows)


def seal_patch_set(
    patches: Sequence[NewPatch], *, shop_id: int, key_card_nonce: int, timestamp: datetime, key: PrivateKey
) -> bytes:
    """Make and sign a SignedPatchSet. timestamp: aware; whole seconds are written. Returns its CBOR."""
    leaves = [_leaf(patch) for patch in patches]
    header = _encode_header(shop_id, key_card_nonce, timestamp, mmr.root(leaves))
    return join_patch_set(header, key.sign(header), leaves)


def _verified(decoded: DecodedPatchSet, signer: bytes, rows: mmr.Tree) -> VerifiedPatchSet:
    verified = object.__new__(VerifiedPatchSet)
    # Past `__init__` and past `frozen`: this is the one place where they are made.
    put = object.__setattr__
    put(verified, "header", decoded.header)
    put(verified, "signature", decoded.signature)
    put(verified, "patches", decoded.patches)
    put(verified, "signer", signer)
    put(verified, "proofs", mmr.proofs_of(rows, len(decoded.patches)))
    return verified


def _leaf(patch: NewPatch) -> bytes:
    # The keys in the order of core deterministic encoding.
    return b"".join(
        (_LEAF_HEAD, encode(patch.op), _PATH, encode(list(patch.path)), _VALUE, encode(patch.value))
    )


def _encode_header(shop_id: int, key_card_nonce: int, timestamp: datetime, root_hash: bytes) -> bytes:
    # The keys in the order of core deterministic encoding.
    return b"".join(
        (
            *(_SHOP_ID, encode(shop_id)),
            *(_ROOT_HASH, root_hash),
            *(_TIMESTAMP, encode(timestamp)),
            *(_NONCE, encode(key_card_nonce)),
        )
    )


def join_patch_set(header: bytes, signature: bytes, patches: Sequence[bytes]) -> bytes:
    """Put the CBOR of a SignedPatchSet together from the exact bytes of its parts."""
    return encode_map_of(
        {"Header": header, "Signature": encode(signature), "Patches": encode_list_of(patches)}
    )


class _Pieces(list[Piece]):
    """The elements of `Patches`, however that is spelled."""


def _read_set(reader: Reader, most_patches: int) -> dict[Key, Piece | _Pieces | None]:
    entries: dict[Key, Piece | _Pieces | None] = {}
    for key in reader.enter_map():
        if isinstance(key, str) and key.lower() == "patches" and reader.is_before_list():
            entries[key] = _read_patches(reader, most_patches)
        else:
            piece = reader.piece()
            entries[key] = None if piece.value is None else piece
    reader.finish()
    return entries


def _read_patches(reader: Reader, most_patches: int) -> _Pieces:
    patches = _Pieces()
    for _ in reader.enter_list():
        if len(patches) == most_patches:
            raise invalid(f"too many patches: a set has at most {most_patches}")
        patches.append(reader.piece())
    return patches


def _assemble(header: Header, signature: object, patches: Sequence[Patch]) -> DecodedPatchSet:
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise invalid(f"invalid signature length: a signature has {SIGNATURE_BYTES} bytes")
    if not patches:
        raise invalid("no patches")
    return DecodedPatchSet(header, signature, tuple(patches))


def _check_can_be_pushed(decoded: DecodedPatchSet) -> None:
    most_proof = mmr.most_proof_bytes(len(decoded.patches))
    most_bytes = most_patch_bytes(len(decoded.header.raw), SIGNATURE_BYTES, most_proof)
    for patch in decoded.patches:
        if len(patch.raw) > most_bytes:
            raise invalid("a patch is too large to be pushed")
