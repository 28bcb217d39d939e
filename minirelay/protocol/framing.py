"""What little of protobuf's wire format is written by hand, to put bytes together without decoding them.

https://protobuf.dev/programming-guides/encoding/. All field numbers here are below 16, so every tag is one
byte: number << 3 | wire type, the type being 0 for a number and 2 for bytes.
"""

from typing import Final

_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(0x80))


def varint(number: int) -> bytes:
    """Encode an unsigned number in protobuf's variable length."""
    if number < 0x80:
        return _ONE_BYTE[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def varint_at(data: bytes, at: int) -> tuple[int, int]:
    """Read a number from bytes that are known to be well formed. Returns it, and the place behind it."""
    number = data[at]
    at += 1
    if number < 0x80:
        return number, at
    number &= 0x7F
    shift = 7
    while (byte := data[at]) >= 0x80:
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return number | byte << shift, at + 1


def zigzag(number: int) -> int:
    """Map a sint64 to the unsigned number that stands for it on the wire."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def number_field(tag: int, number: int) -> bytes:
    """Encode a field that is a number, which is not 0: proto3 leaves zeros out."""
    return _ONE_BYTE[tag] + varint(number)


def bytes_head(tag: int, size: int) -> bytes:
    """Encode what stands in front of a bytes, string or message field of `size` bytes."""
    return _ONE_BYTE[tag] + varint(size)


def bytes_field(tag: int, payload: bytes) -> bytes:
    """Encode a bytes, string or message field."""
    return _ONE_BYTE[tag] + varint(len(payload)) + payload
