"""The header of a patch set: what is signed (spec 02 "SignedPatchSet")."""

from datetime import datetime
from typing import Final

import msgspec

from minirelay.errors import MalformedInput, invalid
from minirelay.protocol.cbor import decode
from minirelay.protocol.field_names import get_field
from minirelay.protocol.ids import HASH_BYTES, UINT256_BYTES
from minirelay.protocol.sizes import MOST_LOGGED_CONTAINERS
from minirelay.protocol.timestamps import parse_time, time_from_epoch

_WHAT: Final = "invalid header"
_MAX_NONCE: Final = 2**64 - 1


class Header(msgspec.Struct, frozen=True):
    """A header. raw: its exact bytes. key_card_nonce: from 1 to 2^64-1. root_hash: 32 bytes, as claimed."""

    raw: bytes
    key_card_nonce: int
    shop_id: int
    timestamp: datetime
    root_hash: bytes


def decode_header(raw: bytes) -> Header:
    """Decode the exact bytes of a header, as a log may hold it. Raises Refusal INVALID."""
    try:
        value = decode(raw, MOST_LOGGED_CONTAINERS)
    except MalformedInput as error:
        raise invalid(f"{_WHAT}: {error}") from error
    return header_from(value, raw)


def header_from(value: object, raw: bytes) -> Header:
    """Check a header that was decoded from `raw`. Raises Refusal INVALID."""
    if not isinstance(value, dict):
        raise invalid(f"{_WHAT}: not a map")
    return Header(
        raw,
        _nonce(get_field(value, "KeyCardNonce", _WHAT)),
        _shop_id(get_field(value, "ShopID", _WHAT)),
        _timestamp(get_field(value, "Timestamp", _WHAT)),
        _root_hash(get_field(value, "RootHash", _WHAT)),
    )


# In these, `type` and not `isinstance`: a bool is an int to Python, and decoded values are of exact types.


def _nonce(value: object) -> int:
    if type(value) is int and 1 <= value <= _MAX_NONCE:
        return value
    raise invalid(f"{_WHAT}: KeyCardNonce is not a uint64 of at least 1")


def _shop_id(value: object) -> int:
    if type(value) is int:
        return value
    if type(value) is bytes and 1 <= len(value) <= UINT256_BYTES:
        return int.from_bytes(value)
    raise invalid(f"{_WHAT}: ShopID is not a Uint256")


def _root_hash(value: object) -> bytes:
    if type(value) is bytes and len(value) == HASH_BYTES:
        return value
    raise invalid(f"{_WHAT}: RootHash is not {HASH_BYTES} bytes")


def _timestamp(value: object) -> datetime:
    if type(value) is datetime:
        return value
    try:
        if type(value) is str:
            return parse_time(value)
        if type(value) is int:
            return time_from_epoch(value)
    except MalformedInput as error:
        raise invalid(f"{_WHAT}: Timestamp: {error}") from error
    raise invalid(f"{_WHAT}: Timestamp is not a time")
