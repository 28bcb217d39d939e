"""Changes to protobuf messages that stay messages: fields left out, repeated, moved, of other types.

What is in a field of bytes is taken for a message, for CBOR or for neither, as it happens.
"""

import random

from tests.fuzz.byte_mutations import EDGES, mutate_bytes
from tests.fuzz.cbor_mutations import NoTreeError, mutate_cbor

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)

Field = tuple[int, int, bytes | int]
"""Number, wire type, content."""


def mutate_protobuf(chance: random.Random, data: bytes, donor: bytes) -> bytes:
    """Change something in the fields of a message; raises NoTreeError if it has none."""
    fields = read_fields(data)
    if not fields:
        raise NoTreeError
    place = chance.randrange(len(fields))
    number, kind, content = fields[place]
    match chance.randrange(12):
        case 0:
            del fields[place]
        case 1:
            fields[place:place] = [fields[place]] * chance.choice((1, 2, 100))
        case 2:
            chance.shuffle(fields)
        case 3:
            fields[place] = (chance.choice((0, 1, 2, 3, 4, 6, 11, 12, 99, 2**29 - 1)), kind, content)
        case 4:
            fields[place] = (number, chance.randrange(8), content)
        case 5:
            fields[place] = (number, VARINT, chance.choice((0, 1, 2, 3, chance.choice(EDGES))) % 2**64)
        case 6:
            fields += read_fields(donor)
        case _ if isinstance(content, bytes):
            fields[place] = (number, kind, mutate_content(chance, content, donor))
        case _:
            fields[place] = (number, kind, chance.choice(EDGES) % 2**64)
    return write_fields(fields)


def mutate_content(chance: random.Random, content: bytes, donor: bytes) -> bytes:
    """Change something in the content of a field."""
    for mutate in chance.sample((mutate_protobuf, mutate_cbor, mutate_bytes), 3):
        try:
            return mutate(chance, content, donor)
        except NoTreeError:
            continue
    return content


def read_fields(data: bytes) -> list[Field]:
    """Read a message flat. Raises NoTreeError."""
    fields: list[Field] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        content: bytes | int
        if kind == VARINT:
            content, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if kind == BYTES else ({FIXED64: 8, FIXED32: 4}.get(kind, 0), at)
            content, at = data[at : at + size], at + size
            if at > len(data):
                raise NoTreeError
        fields.append((number, kind, content))
    return fields


def write_fields(fields: list[Field]) -> bytes:
    """Write a message as it says, right or wrong."""
    return b"".join(_field(*one) for one in fields)


def _field(number: int, kind: int, content: bytes | int) -> bytes:
    head = _encoded(number << 3 | kind)
    raw = _encoded(content) if isinstance(content, int) else content
    if kind == BYTES:
        return head + _encoded(len(raw)) + raw
    return head + (_encoded(len(raw)) if kind == VARINT and isinstance(content, bytes) else raw)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 70:
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return number % 2**64, at
        shift += 7
    raise NoTreeError


def _encoded(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
