"""A part of CBOR that is kept as it was received."""

import msgspec

from minirelay.protocol.cbor_items import Value


class Piece(msgspec.Struct, frozen=True):
    """An item, and the bytes that it was. has_bignums: anywhere in it; as values they are plain integers."""

    value: Value
    raw: bytes
    has_bignums: bool
