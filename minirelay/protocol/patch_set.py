"""Signed patch sets: from bytes to a `VerifiedPatchSet`, and from patches to signed bytes (spec 02).

Clients sign and hash the bytes that they send, so these bytes are kept: the header's, and each patch's. Nothing that
a client signed is ever encoded again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeGuard, cast, final

import msgspec

from minirelay.errors import MalformedInput, invalid
from minirelay.protocol import mmr
from minirelay.protocol.cbor import Key, Reader, Value, decode, encode, encode_list_of, encode_map_of
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.push import MAX_PATCHES_PER_SET, most_patch_bytes
from minirelay.protocol.signing import SIGNATURE_BYTES, PrivateKey, recover
from minirelay.protocol.timestamps import parse_time, time_from_epoch

Op = Literal["add", "append", "replace", "remove", "increment", "decrement"]
PathElement = str | int | bytes
Path = tuple[PathElement, ...]

OPS: Final = frozenset({"add", "append", "replace", "remove", "increment", "decrement"})
TABLES: Final = {
    "Manifest": ObjectType.MANIFEST,
    "Accounts": ObjectType.ACCOUNT,
    "Listings": ObjectType.LISTING,
    "Orders": ObjectType.ORDER,
    "Tags": ObjectType.TAG,
    "Inventory": ObjectType.INVENTORY,
}

ADDRESS_BYTES: Final = 20
MAX_UINT64: Final = 2**64 - 1
UINT256_BYTES: Final = 32
_PATH_ELEMENTS: Final = frozenset({str, int, bytes})


class Patch(msgspec.Struct, frozen=True):
    """One patch, as decoded: `op`, `path` and the object's id are checked, the value is not.

    value: None when absent, which only `remove` allows. raw: the exact bytes of this element of `Patches`, the leaf.
    object_id: 8 bytes big-endian (listing, order, inventory: the listing's id), the tag's name in UTF-8, a 20-byte
    address, nothing for the manifest. fields: what follows the id in the path.
    """

    op: Op
    path: Path
    value: Value
    raw: bytes
    object_type: ObjectType
    object_id: bytes
    fields: Path


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a patch set. raw: its exact bytes, which are what is signed."""

    raw: bytes
    key_card_nonce: int
    shop_id: int
    timestamp: datetime
    root_hash: bytes


@dataclass(frozen=True, slots=True)
class DecodedPatchSet:
    """A patch set that is well formed; whether its root and signature are right, nobody knows yet."""

    header: Header
    signature: bytes
    patches: tuple[Patch, ...]


@final
@dataclass(frozen=True, slots=True, init=False)
class VerifiedPatchSet:
    """A patch set whose root was recomputed and whose signer was recovered. Only `verify` makes them.

    signer: compressed public key, 33 bytes. proofs: the CBOR of the inclusion proof of each patch. Whether that
    signer may write to that shop is the relay's question, not answered here.
    """

    header: Header
    signature: bytes
    patches: tuple[Patch, ...]
    signer: bytes
    proofs: tuple[bytes, ...]

    def __init__(self) -> None:
        """Refuse: see `verify`."""
        raise TypeError("a VerifiedPatchSet is made by verify() alone")


@dataclass(frozen=True, slots=True)
class NewPatch:
    """A patch to be sealed. `remove` has no value; it is written as null."""

    op: Op
    path: Path
    value: Value = None


def open_patch_set(data: bytes) -> VerifiedPatchSet:
    """Decode and verify a SignedPatchSet. Raises Refusal INVALID."""
    return verify(decode_patch_set(data))


def decode_patch_set(data: bytes) -> DecodedPatchSet:
    """Decode the CBOR of a SignedPatchSet; nothing is verified.

    Raises Refusal INVALID: what spec 02 refuses, or a patch that alone would be too large to be pushed.
    """
    try:
        entries = _read_set(Reader(data))
    except MalformedInput as error:
        raise invalid(f"invalid CBOR encoding: {error}") from error
    header = _header(*_entry(entries, "Header", _INVALID_SET)[:2])
    signature = _entry(entries, "Signature", _INVALID_SET).value
    elements = _entry(entries, "Patches", _INVALID_SET).value
    if elements is None:
        raise invalid("no patches")
    if not isinstance(elements, _Elements):
        raise invalid("invalid CBOR encoding: Patches is not a list")
    return _assemble(header, signature, [_patch(*element) for element in elements])


def decode_parts(header: bytes, signature: bytes, patches: Sequence[bytes]) -> DecodedPatchSet:
    """Put a patch set together from the parts that a push or the log holds: all its patches, in order.

    Raises Refusal INVALID like `decode_patch_set`.
    """
    return _assemble(decode_header(header), signature, [decode_patch(patch) for patch in patches])


def decode_header(raw: bytes) -> Header:
    """Decode the exact bytes of a header. Raises Refusal INVALID."""
    try:
        return _header(decode(raw), raw)
    except MalformedInput as error:
        raise invalid(f"invalid header: {error}") from error


def decode_patch(raw: bytes) -> Patch:
    """Decode the exact bytes of one patch, a leaf. Raises Refusal INVALID."""
    reader = Reader(raw)
    try:
        value = reader.item()
        reader.finish()
    except MalformedInput as error:
        raise invalid(f"invalid patch: {error}") from error
    return _patch(value, raw, reader.bignums > 0)


def verify(decoded: DecodedPatchSet) -> VerifiedPatchSet:
    """Recompute the root and recover the signer.

    Raises Refusal INVALID: "unexpected root hash", "invalid signature".
    """
    leaves = [patch.raw for patch in decoded.patches]
    rows = mmr.tree(leaves)
    if rows[-1][0] != decoded.header.root_hash:
        raise invalid("unexpected root hash")
    try:
        signer = recover(decoded.header.raw, decoded.signature)
    except MalformedInput as error:
        raise invalid(f"invalid signature: {error}") from error
    verified = object.__new__(VerifiedPatchSet)
    for name, value in (
        ("header", decoded.header),
        ("signature", decoded.signature),
        ("patches", decoded.patches),
        ("signer", signer),
        ("proofs", mmr.proofs_of(rows, len(leaves))),
    ):
        object.__setattr__(verified, name, value)
    return verified


def seal_patch_set(
    patches: Sequence[NewPatch], *, shop_id: int, key_card_nonce: int, timestamp: datetime, key: PrivateKey
) -> bytes:
    """Make and sign a SignedPatchSet. Returns its CBOR."""
    leaves = [encode({"Op": patch.op, "Path": list(patch.path), "Value": patch.value}) for patch in patches]
    header = encode(
        {
            "KeyCardNonce": key_card_nonce,
            "ShopID": shop_id,
            "Timestamp": timestamp,
            "RootHash": mmr.root(leaves),
        }
    )
    return join_patch_set(header, key.sign(header), leaves)


def join_patch_set(header: bytes, signature: bytes, patches: Sequence[bytes]) -> bytes:
    """Put the CBOR of a SignedPatchSet together from the exact bytes of its parts."""
    return encode_map_of(
        {"Header": header, "Signature": encode(signature), "Patches": encode_list_of(patches)}
    )


class _Element(NamedTuple):
    """One item of the received bytes."""

    value: object
    raw: bytes
    has_bignums: bool = False


class _Elements(list[_Element]):
    """The elements of `Patches`, in whatever case it was spelled."""


_ABSENT: Final = _Element(None, b"")
_INVALID_SET: Final = "invalid CBOR encoding"
_INVALID_HEADER: Final = "invalid header"
_INVALID_PATCH: Final = "invalid patch"


def _read_set(reader: Reader) -> dict[Key, _Element]:
    entries: dict[Key, _Element] = {}
    for key in reader.keys():
        if isinstance(key, str) and key.lower() == "patches" and reader.is_before_list():
            entries[key] = _Element(_read_patches(reader), b"")
        else:
            entries[key] = _read_element(reader)
    reader.finish()
    return entries


def _read_patches(reader: Reader) -> _Elements:
    patches = _Elements()
    for _ in reader.elements():
        if len(patches) == MAX_PATCHES_PER_SET:
            raise invalid(f"too many patches: a set has at most {MAX_PATCHES_PER_SET}")
        patches.append(_read_element(reader))
    return patches


def _read_element(reader: Reader) -> _Element:
    start = reader.at
    bignums = reader.bignums
    value = reader.item()
    return _Element(value, reader.data[start : reader.at], reader.bignums > bignums)


def _spelling(entries: Mapping[Key, object], name: str, what: str) -> str | None:
    """Find how a field is spelled: exactly, or in another case if only one key is."""
    if name in entries:
        return name
    folded = name.lower()
    found = [key for key in entries if isinstance(key, str) and key.isascii() and key.lower() == folded]
    if len(found) > 1:
        raise invalid(f"{what}: {name} in two spellings")
    return found[0] if found else None


def _entry(entries: dict[Key, _Element], name: str, what: str) -> _Element:
    key = _spelling(entries, name, what)
    return _ABSENT if key is None else entries[key]


def _assemble(header: Header, signature: object, patches: list[Patch]) -> DecodedPatchSet:
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise invalid(f"invalid signature length: it has {SIGNATURE_BYTES} bytes")
    if not patches:
        raise invalid("no patches")
    most_bytes = most_patch_bytes(len(header.raw), len(signature), mmr.most_proof_bytes(len(patches)))
    for patch in patches:
        if len(patch.raw) > most_bytes:
            raise invalid("a patch is too large to be pushed")
    return DecodedPatchSet(header, signature, tuple(patches))


def _header(value: object, raw: bytes) -> Header:
    if not isinstance(value, dict):
        raise invalid("invalid header: not a map")
    nonce, shop_id, time, root_hash = (
        None if (key := _spelling(value, name, _INVALID_HEADER)) is None else value[key]
        for name in ("KeyCardNonce", "ShopID", "Timestamp", "RootHash")
    )
    if not _is_uint(nonce) or not 1 <= nonce <= MAX_UINT64:
        raise invalid("invalid header: KeyCardNonce is not a uint64 of at least 1")
    if not isinstance(root_hash, bytes) or len(root_hash) != mmr.HASH_BYTES:
        raise invalid("invalid header: RootHash is not 32 bytes")
    return Header(raw, nonce, _shop_id(shop_id), _timestamp(time), root_hash)


def _is_uint(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _shop_id(value: object) -> int:
    if isinstance(value, bytes) and 1 <= len(value) <= UINT256_BYTES:
        return int.from_bytes(value)
    if _is_uint(value):
        return value
    raise invalid("invalid header: ShopID is not a Uint256")


def _timestamp(value: object) -> datetime:
    try:
        if isinstance(value, str):
            return parse_time(value)
        if _is_uint(value):
            return time_from_epoch(value)
    except MalformedInput as error:
        raise invalid(f"invalid header: Timestamp: {error}") from error
    if not isinstance(value, datetime):
        raise invalid("invalid header: Timestamp is not a time")
    return value


def _patch(value: object, raw: bytes, has_bignums: bool) -> Patch:
    if not isinstance(value, dict):
        raise invalid("invalid patch: not a map")
    op_key, path_key, value_key = (_spelling(value, name, _INVALID_PATCH) for name in ("Op", "Path", "Value"))
    op = value.get(op_key)
    if not isinstance(op, str) or op not in OPS:
        raise invalid("invalid patch: unknown Op")
    if value_key is None and op != "remove":
        raise invalid(f"invalid patch: {op} needs a value")
    path = _path(value.get(path_key))
    if has_bignums and _has_bignums(raw, path_key):
        raise invalid("invalid patch: a bignum in the path")
    object_type = TABLES[cast(str, path[0])]
    if object_type is ObjectType.MANIFEST:
        return Patch(cast(Op, op), path, value.get(value_key), raw, object_type, b"", path[1:])
    object_id = _object_id(object_type, path)
    return Patch(cast(Op, op), path, value.get(value_key), raw, object_type, object_id, path[2:])


def _path(value: object) -> Path:
    if not isinstance(value, list) or not value:
        raise invalid("invalid patch: Path is not a list of at least one element")
    for element in value:
        if type(element) not in _PATH_ELEMENTS:
            raise invalid("invalid patch: a path is text, bytes and plain integers")
    if not isinstance(value[0], str) or value[0] not in TABLES:
        raise invalid("invalid patch: Path names no object type")
    return tuple(value)


def _has_bignums(raw: bytes, path_key: str | None) -> bool:
    """Read a patch again: as numbers, bignums can't be told from plain integers."""
    reader = Reader(raw)
    return any([_read_element(reader).has_bignums and key == path_key for key in reader.keys()])


def _object_id(object_type: ObjectType, path: Path) -> bytes:
    key = path[1] if len(path) > 1 else None
    if object_type is ObjectType.ACCOUNT:
        if isinstance(key, bytes) and len(key) == ADDRESS_BYTES:
            return key
        raise invalid("invalid patch: an account is named by an address of 20 bytes")
    if object_type is ObjectType.TAG:
        if isinstance(key, str) and key:
            return key.encode()
        raise invalid("invalid patch: a tag is named by text")
    if isinstance(key, int):
        return key.to_bytes(8)
    raise invalid(f"invalid patch: {path[0]!s} are named by a uint64")
