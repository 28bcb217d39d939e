"""Reading CBOR (RFC 8949), strictly as spec 02 wants it.

One pass is decoder and scanner at once: it knows where every item begins and ends, so the exact bytes of a
map's values and of a list's elements can be kept, which no general decoder offers. One small function for
each kind of item, found by its first byte, returns the value and where the item ends.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, NoReturn

from minirelay.errors import MalformedInput
from minirelay.protocol.timestamps import parse_time, time_from_epoch

Key = str | int | bytes
Value = None | bool | int | str | bytes | datetime | list["Value"] | dict[Key, "Value"]

MAX_DEPTH: Final = 32
MAX_INTEGER_BYTES: Final = 32  # nothing in the protocol is wider than a Uint256
# Whoever picks integers can make them collide in a dict (their hashes are not salted): n keys then cost n²
# steps. Only chain ids are integer keys. Text and byte keys are salted and need no limit.
MAX_INTEGER_KEYS: Final = 1024  # in one input
# An empty map is one byte here and seventy in memory. Real sets have a map or list for every fifteen bytes.
SPARE_CONTAINERS: Final = 4096
BYTES_PER_CONTAINER: Final = 8

_UINT, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _OTHER = range(8)
_INDEFINITE: Final = 0x1F
_LONG_BYTES, _LONG_TEXT, _LONG_LIST, _LONG_MAP = 0x5F, 0x7F, 0x9F, 0xBF
_BREAK: Final = 0xFF
_FLOATS: Final = {0xF9: struct.Struct(">e"), 0xFA: struct.Struct(">f"), 0xFB: struct.Struct(">d")}


class Reader:
    """A position in CBOR bytes.

    `item` reads the next item whole. `enter_map` and `enter_list` go into it instead: for each key or element
    that they yield, the caller reads exactly one item before going on. `at` before and after tells which
    bytes it was. All methods raise MalformedInput.
    """

    __slots__ = ("at", "bignums", "containers_left", "data", "integer_keys_left", "levels_left")

    def __init__(self, data: bytes) -> None:
        """Stand before the first byte."""
        self.data = data
        self.at = 0
        self.bignums = 0  # how many were read: as values they can't be told from plain integers
        self.levels_left = MAX_DEPTH
        self.containers_left = SPARE_CONTAINERS + len(data) // BYTES_PER_CONTAINER
        self.integer_keys_left = MAX_INTEGER_KEYS

    def item(self) -> Value:
        """Read the next item with all that is in it."""
        data, at = self.data, self.at
        try:
            value, self.at = _ITEMS[data[at]](data, at, self)
        except IndexError:
            raise _cut_short() from None
        except UnicodeDecodeError:
            raise MalformedInput("text is not UTF-8") from None
        return value

    def enter_map(self) -> Iterator[Key]:
        """Go into a map: yield its keys; the caller reads the value of each."""
        seen: set[Key] = set()
        for _ in self._enter(_MAP):
            key = self._key()
            if key in seen:
                raise _duplicate()
            seen.add(key)
            yield key
        self.levels_left += 1

    def enter_list(self) -> Iterator[None]:
        """Go into a list: yield for every element; the caller reads it."""
        for _ in self._enter(_LIST):
            yield
        self.levels_left += 1

    def is_before_list(self) -> bool:
        """Say whether the next item is a list."""
        return self.at < len(self.data) and self.data[self.at] >> 5 == _LIST

    def finish(self) -> None:
        """Insist that nothing follows."""
        if self.at != len(self.data):
            raise MalformedInput("bytes after the item")

    def _key(self) -> Key:
        try:
            key, self.at = _KEYS[self.data[self.at]](self.data, self.at, self)
        except IndexError:
            raise _cut_short() from None
        except UnicodeDecodeError:
            raise MalformedInput("text is not UTF-8") from None
        return key

    def _enter(self, kind: int) -> Iterable[object]:
        """Go one level down; what is returned has as many turns as the container has entries."""
        data, at = self.data, self.at
        if at >= len(data) or data[at] >> 5 != kind:
            raise MalformedInput("not a map" if kind == _MAP else "not a list")
        _go_down(self)
        if data[at] & 0x1F == _INDEFINITE:
            self.at += 1
            return iter(self._passes_break, True)
        count, self.at = _argument(data, at, self)
        if count > len(data) - self.at:
            raise _cut_short()
        return range(count)

    def _passes_break(self) -> bool:
        if self.at >= len(self.data):
            raise _cut_short()
        if self.data[self.at] != _BREAK:
            return False
        self.at += 1
        return True


ReadItem = Callable[[bytes, int, Reader], tuple[Value, int]]
ReadKey = Callable[[bytes, int, Reader], tuple[Key, int]]


def _cut_short() -> MalformedInput:
    return MalformedInput("cut short")


def _duplicate() -> MalformedInput:
    return MalformedInput("duplicate key")


def _argument(data: bytes, at: int, _reader: Reader) -> tuple[int, int]:
    """Read the number in a head: a length, a count, a tag, or an unsigned integer itself."""
    info = data[at] & 0x1F
    start = at + 1
    if info < 24:
        return info, start
    if info > 27:
        raise MalformedInput("reserved additional information")
    size = 1 << (info - 24)
    digits = data[start : start + size]
    if len(digits) != size:
        raise _cut_short()
    return int.from_bytes(digits), start + size


def _small_uint(data: bytes, at: int, _reader: Reader) -> tuple[int, int]:
    return data[at], at + 1


def _short_text(data: bytes, at: int, _reader: Reader) -> tuple[str, int]:
    end = at + data[at] - 0x5F
    if end > len(data):
        raise _cut_short()
    return data[at + 1 : end].decode(), end


def _text(data: bytes, at: int, reader: Reader) -> tuple[str, int]:
    raw, end = _bytes(data, at, reader)
    return raw.decode(), end


def _bytes(data: bytes, at: int, reader: Reader) -> tuple[bytes, int]:
    size, start = _argument(data, at, reader)
    end = start + size
    if end > len(data):
        raise _cut_short()
    return data[start:end], end


def _long_bytes(data: bytes, at: int, reader: Reader) -> tuple[bytes, int]:
    chunks, end = _chunks(data, at, reader)
    return b"".join(chunks), end


def _long_text(data: bytes, at: int, reader: Reader) -> tuple[str, int]:
    chunks, end = _chunks(data, at, reader)
    return "".join([chunk.decode() for chunk in chunks]), end


def _chunks(data: bytes, at: int, reader: Reader) -> tuple[list[bytes], int]:
    kind = data[at] >> 5
    at += 1
    chunks = []
    while (head := data[at]) != _BREAK:
        if head >> 5 != kind or head & 0x1F >= 28:
            raise MalformedInput("a chunk of another kind, or not definite")
        chunk, at = _bytes(data, at, reader)
        chunks.append(chunk)
    return chunks, at + 1


def _go_down(reader: Reader) -> None:
    if reader.levels_left == 0:
        raise MalformedInput(f"nested deeper than {MAX_DEPTH}")
    if reader.containers_left == 0:
        raise MalformedInput("too many lists and maps for the size")
    reader.levels_left -= 1
    reader.containers_left -= 1


def _list(data: bytes, at: int, reader: Reader) -> tuple[list[Value], int]:
    _go_down(reader)
    count, at = _argument(data, at, reader)
    if count > len(data) - at:
        raise _cut_short()
    items = _ITEMS
    values = []
    for _ in range(count):
        value, at = items[data[at]](data, at, reader)
        values.append(value)
    reader.levels_left += 1
    return values, at


def _long_list(data: bytes, at: int, reader: Reader) -> tuple[list[Value], int]:
    _go_down(reader)
    at += 1
    values = []
    while data[at] != _BREAK:
        value, at = _ITEMS[data[at]](data, at, reader)
        values.append(value)
    reader.levels_left += 1
    return values, at + 1


def _map(data: bytes, at: int, reader: Reader) -> tuple[dict[Key, Value], int]:
    _go_down(reader)
    count, at = _argument(data, at, reader)
    if count > len(data) - at:
        raise _cut_short()
    keys, items = _KEYS, _ITEMS
    entries: dict[Key, Value] = {}
    for _ in range(count):
        head = data[at]
        key: Key
        if 0x60 <= head < 0x78:
            # As `_short_text`, without the call: most of all items are such keys. If one is cut short, so is
            # its value, right behind.
            start = at + 1
            at += head - 0x5F
            key = data[start:at].decode()
        else:
            key, at = keys[head](data, at, reader)
        if key in entries:
            raise _duplicate()
        entries[key], at = items[data[at]](data, at, reader)
    reader.levels_left += 1
    return entries, at


def _long_map(data: bytes, at: int, reader: Reader) -> tuple[dict[Key, Value], int]:
    _go_down(reader)
    at += 1
    entries: dict[Key, Value] = {}
    while data[at] != _BREAK:
        key, at = _KEYS[data[at]](data, at, reader)
        if key in entries:
            raise _duplicate()
        entries[key], at = _ITEMS[data[at]](data, at, reader)
    reader.levels_left += 1
    return entries, at + 1


def _integer_key(data: bytes, at: int, reader: Reader) -> tuple[int, int]:
    if reader.integer_keys_left == 0:
        raise MalformedInput("too many integer keys")
    reader.integer_keys_left -= 1
    return _argument(data, at, reader)


def _tagged(data: bytes, at: int, reader: Reader) -> tuple[Value, int]:
    tag, at = _argument(data, at, reader)
    read = _TAGGED.get(tag)
    if read is None:
        raise MalformedInput("unknown tag")
    return read(data, at, reader)


def _time_from_text(data: bytes, at: int, reader: Reader) -> tuple[datetime, int]:
    head = data[at]
    if head >> 5 != _TEXT:
        raise MalformedInput("tag 0 over something else than text")
    text, end = (_long_text if head == _LONG_TEXT else _text)(data, at, reader)
    return parse_time(text), end


def _time_from_number(data: bytes, at: int, reader: Reader) -> tuple[datetime, int]:
    head = data[at]
    if head >> 5 == _UINT:
        seconds, end = _argument(data, at, reader)
        return time_from_epoch(seconds), end
    form = _FLOATS.get(head)
    if form is None:
        raise MalformedInput("tag 1 over something else than a number from 0 on")
    end = at + 1 + form.size
    if end > len(data):
        raise _cut_short()
    return time_from_epoch(form.unpack_from(data, at + 1)[0]), end


def _bignum(data: bytes, at: int, reader: Reader) -> tuple[int, int]:
    head = data[at]
    if head >> 5 != _BYTES:
        raise MalformedInput("tag 2 over something else than bytes")
    raw, end = (_long_bytes if head == _LONG_BYTES else _bytes)(data, at, reader)
    digits = raw.lstrip(b"\0")
    if len(digits) > MAX_INTEGER_BYTES:
        raise MalformedInput("integer beyond 256 bits")
    reader.bignums += 1
    return int.from_bytes(digits), end


def _false(_data: bytes, at: int, _reader: Reader) -> tuple[bool, int]:
    return False, at + 1


def _true(_data: bytes, at: int, _reader: Reader) -> tuple[bool, int]:
    return True, at + 1


def _null(_data: bytes, at: int, _reader: Reader) -> tuple[None, int]:
    return None, at + 1


def _refuse(reason: str) -> Callable[[bytes, int, Reader], NoReturn]:
    def refuse(_data: bytes, _at: int, _reader: Reader) -> NoReturn:
        raise MalformedInput(reason)

    return refuse


_TAGGED: Final[dict[int, ReadItem]] = {0: _time_from_text, 1: _time_from_number, 2: _bignum}

_BY_KIND: Final[tuple[ReadItem, ...]] = (
    _argument,
    _refuse("negative number"),
    _bytes,
    _text,
    _list,
    _map,
    _tagged,
    _refuse("unknown simple value"),
)
_BY_HEAD: Final[dict[int, ReadItem]] = {
    **dict.fromkeys(range(0x18), _small_uint),
    _LONG_BYTES: _long_bytes,
    **dict.fromkeys(range(0x60, 0x78), _short_text),
    _LONG_TEXT: _long_text,
    _LONG_LIST: _long_list,
    _LONG_MAP: _long_map,
    0xF4: _false,
    0xF5: _true,
    0xF6: _null,
    0xF7: _null,  # undefined
    **dict.fromkeys(_FLOATS, _refuse("a float that is no time")),
    _BREAK: _refuse("break outside"),
}
_ITEMS: Final[tuple[ReadItem, ...]] = tuple(_BY_HEAD.get(head, _BY_KIND[head >> 5]) for head in range(256))

_KEYS_BY_KIND: Final[dict[int, ReadKey]] = {_UINT: _integer_key, _BYTES: _bytes, _TEXT: _text}
_KEYS_BY_HEAD: Final[dict[int, ReadKey]] = {
    _LONG_BYTES: _long_bytes,
    **dict.fromkeys(range(0x60, 0x78), _short_text),
    _LONG_TEXT: _long_text,
}
_NO_KEY: Final[ReadKey] = _refuse("a map key that is no text, bytes or plain unsigned integer")
_KEYS: Final[tuple[ReadKey, ...]] = tuple(
    _KEYS_BY_HEAD.get(head, _KEYS_BY_KIND.get(head >> 5, _NO_KEY)) for head in range(256)
)
