"""Files as UnixFS has them: a balanced tree of dag-pb blocks, so that CIDs are those of `ipfs add` (spec 08).

It streams: a builder takes the bytes chunk by chunk and gives blocks as they are complete. Source: the UnixFS
and dag-pb specifications; protobuf's wire format is written by hand, since dag-pb wants the links before the
data, in which no generated code would write them.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, TypeVar

import msgspec

from minirelay.errors import MalformedInput

T = TypeVar("T", bytes, int)

CHUNK_BYTES: Final = 262_144
"""What each leaf holds, but for the last."""

MAX_LINKS: Final = 174
"""How many blocks a block names at most."""

_FILE: Final = b"\x08\x02"  # Data.Type = File
_LINK_BYTES: Final = 64
_VARINT_BITS: Final = 7
_MAX_VARINT_BYTES: Final = 9


class Block(msgspec.Struct, frozen=True, gc=False):
    """A block. hash: SHA-256 of its data.

    place: of a leaf, where in the file it begins; of the others -1, -2, ... in the order in which they come.
    """

    hash: bytes
    data: bytes
    place: int


class Link(msgspec.Struct, frozen=True, gc=False):
    """A block as its parent names it.

    file_bytes: of the file, in it and below it. dag_bytes: of all blocks from it on.
    """

    hash: bytes
    file_bytes: int
    dag_bytes: int


class DagBuilder:
    """Makes the blocks of one file, the leaves first; it holds a chunk, and the links of one path."""

    def __init__(self) -> None:
        """Begin with an empty file."""
        self._chunk = bytearray()
        self._leaf_bytes = 0
        self._nodes = 0
        self._levels: list[list[Link]] = [[]]

    def add(self, data: bytes) -> Iterator[Block]:
        """Take the file's next bytes; give the blocks that are complete. To be iterated to the end."""
        start = 0
        while start < len(data):
            room = CHUNK_BYTES - len(self._chunk)
            # A whole chunk stays here until more comes: it may be all there is.
            if not room:
                yield from self._end_chunk()
                continue
            self._chunk += data[start : start + room]
            start += room

    def finish(self) -> Iterator[Block]:
        """Give the rest of the blocks; the root comes last."""
        if self._chunk or not any(self._levels):
            yield from self._end_chunk()
        level = 0
        while level < len(self._levels):
            links = self._levels[level]
            if level == len(self._levels) - 1 and len(links) == 1:
                return
            if links:
                yield from self._end_node(level)
            level += 1

    @property
    def root(self) -> Link:
        """Return the root. To be asked behind `finish`."""
        (root,) = self._levels[-1]
        return root

    @property
    def held_bytes(self) -> int:
        """Return about what is held."""
        return len(self._chunk) + _LINK_BYTES * sum(map(len, self._levels))

    def _end_chunk(self) -> Iterator[Block]:
        chunk = bytes(self._chunk)
        self._chunk.clear()
        data = encode_leaf(chunk)
        place, self._leaf_bytes = self._leaf_bytes, self._leaf_bytes + len(chunk)
        yield from self._put(0, place, data, len(chunk), len(data))

    def _end_node(self, level: int) -> Iterator[Block]:
        links, self._levels[level] = self._levels[level], []
        data = encode_node(links)
        file_bytes = sum([link.file_bytes for link in links])
        dag_bytes = len(data) + sum([link.dag_bytes for link in links])
        self._nodes += 1
        yield from self._put(level + 1, -self._nodes, data, file_bytes, dag_bytes)

    def _put(self, level: int, place: int, data: bytes, file_bytes: int, dag_bytes: int) -> Iterator[Block]:
        if level == len(self._levels):
            self._levels.append([])
        if len(self._levels[level]) == MAX_LINKS:
            yield from self._end_node(level)
        block = Block(sha256(data).digest(), data, place)
        self._levels[level].append(Link(block.hash, file_bytes, dag_bytes))
        yield block


class Node(msgspec.Struct, frozen=True, gc=False):
    """A block as it is read: bytes of the file, or the blocks that have them, in order."""

    content: bytes
    links: tuple[Link, ...]


def encode_leaf(chunk: bytes) -> bytes:
    """Write a leaf: a part of a file."""
    content = b"\x12" + _varint(len(chunk)) + chunk if chunk else b""
    return _data(_FILE + content + b"\x18" + _varint(len(chunk)))


def content_offset(content_bytes: int) -> int:
    """Return where in a leaf its part of the file begins. content_bytes: of that part, at least one."""
    length = len(_varint(content_bytes))
    unixfs_bytes = len(_FILE) + 1 + length + content_bytes + 1 + length
    return 1 + len(_varint(unixfs_bytes)) + len(_FILE) + 1 + length


def encode_node(links: Sequence[Link]) -> bytes:
    """Write a block that names others."""
    named = [_encode_link(link) for link in links]
    sizes = [b"\x20" + _varint(link.file_bytes) for link in links]
    total = _varint(sum([link.file_bytes for link in links]))
    return b"".join(named) + _data(_FILE + b"\x18" + total + b"".join(sizes))


def decode(data: bytes) -> Node:
    """Read a block that was written here. Raises MalformedInput for any other."""
    named = [_decode_link(value) for value in _all(data, 2, bytes)]
    unixfs = b"".join(_all(data, 1, bytes))
    sizes = _all(unixfs, 4, int)
    if len(sizes) != len(named):
        raise MalformedInput("a block that does not say how much its parts hold")
    links = [Link(hash_, size, dag_bytes) for (hash_, dag_bytes), size in zip(named, sizes, strict=True)]
    return Node(b"".join(_all(unixfs, 2, bytes)), tuple(links))


def _data(unixfs: bytes) -> bytes:
    return b"\x0a" + _varint(len(unixfs)) + unixfs


def _encode_link(link: Link) -> bytes:
    multihash = b"\x12\x20" + link.hash
    content = b"\x0a" + _varint(len(multihash)) + multihash + b"\x12\x00\x18" + _varint(link.dag_bytes)
    return b"\x12" + _varint(len(content)) + content


def _decode_link(data: bytes) -> tuple[bytes, int]:
    fields = dict(_fields(data))
    multihash, dag_bytes = fields.get(1), fields.get(3)
    if not isinstance(multihash, bytes) or not isinstance(dag_bytes, int):
        raise MalformedInput("a link without a hash or a size")
    return multihash[2:], dag_bytes


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 1 << _VARINT_BITS:
        encoded.append(number & 0x7F | 0x80)
        number >>= _VARINT_BITS
    encoded.append(number)
    return bytes(encoded)


def _all(data: bytes, number: int, kind: type[T]) -> list[T]:
    return [value for found, value in _fields(data) if found == number and isinstance(value, kind)]


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        value, position = _read_varint(data, position)
        if key & 7 == 0:
            yield key >> 3, value
        elif key & 7 == 2 and position + value <= len(data):
            yield key >> 3, data[position : position + value]
            position += value
        else:
            raise MalformedInput("not a block of dag-pb")


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for index in range(_MAX_VARINT_BYTES):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << _VARINT_BITS * index
        if byte < 0x80:
            return number, position
    raise MalformedInput("not a block of dag-pb")
