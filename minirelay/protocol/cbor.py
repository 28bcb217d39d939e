"""CBOR (RFC 8949) as spec 02 wants it: strict about what is accepted, deterministic in what is written.

Reading is one pass, decoder and scanner at once: a `Reader` knows where every item begins and ends, so the exact
bytes of a map's values and of a list's elements can be kept, which no general decoder offers.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final

from minirelay.errors import MalformedInput
from minirelay.protocol.timestamps import format_time, parse_time, time_from_epoch

__all__ = ["Key", "Reader", "Value", "decode", "encode", "parse_time", "time_from_epoch"]

Key = str | int | bytes
Value = None | bool | int | str | bytes | datetime | list["Value"] | dict[Key, "Value"]

MAX_DEPTH: Final = 32
MAX_INTEGER_BYTES: Final = 32  # nothing in the protocol is wider than a Uint256
# Whoever picks integers can make them collide in a dict (their hashes are not salted), and then n keys cost n² steps.
# Only chain ids are integer keys. Text and byte keys are salted and need no limit.
MAX_INTEGER_KEYS: Final = 1024  # in one input
# An empty map is one byte here and some seventy in memory. Real sets have a map or list per fifteen bytes or more.
SPARE_CONTAINERS: Final = 4096
BYTES_PER_CONTAINER: Final = 8

_UINT, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _OTHER = range(8)
_BREAK: Final = 0xFF
_INDEFINITE: Final = -1
_SIMPLE: Final[dict[int, None | bool]] = {0xF4: False, 0xF5: True, 0xF6: None, 0xF7: None}
_FLOATS: Final = {0xF9: struct.Struct(">e"), 0xFA: struct.Struct(">f"), 0xFB: struct.Struct(">d")}
_TIME_TEXT, _TIME_EPOCH, _BIGNUM = 0, 1, 2


def decode(data: bytes) -> Value:
    """Decode exactly one item.

    Returns plain values: `undefined` as None, bignums as int, tags 0 and 1 as aware UTC datetimes of whole seconds;
    other texts and integers stay what they are, also where they stand for times. Raises MalformedInput for all that
    spec 02 "CBOR" refuses. Time and memory are linear in the input.
    """
    reader = Reader(data)
    value = reader.item()
    reader.finish()
    return value


class Reader:
    """A position in CBOR bytes.

    `item` reads the next item whole. `keys` and `elements` go into a map or a list instead: for each that they yield,
    the caller reads exactly one item before going on. `at` before and after tells which bytes it was.
    All methods raise MalformedInput.
    """

    __slots__ = ("_containers_left", "_integer_keys_left", "_levels_left", "_size", "at", "bignums", "data")

    def __init__(self, data: bytes) -> None:
        """Stand before the first byte."""
        self.data = data
        self.at = 0
        self.bignums = 0  # how many were read, since as values they can't be told from plain integers
        self._size = len(data)
        self._levels_left = MAX_DEPTH
        self._containers_left = SPARE_CONTAINERS + len(data) // BYTES_PER_CONTAINER
        self._integer_keys_left = MAX_INTEGER_KEYS

    def item(self) -> Value:
        """Read the next item with all that is in it."""
        head = self._head()
        if head < 0x18:
            return head
        if 0x60 <= head < 0x78:
            return self._text(head - 0x60)
        kind = head >> 5
        if kind == _OTHER:
            return self._simple(head)
        return _READERS[kind](self, self._argument(head))

    def keys(self) -> Iterator[Key]:
        """Go into a map: yield its keys; the caller reads the value of each."""
        head = self._head()
        if head >> 5 != _MAP:
            raise MalformedInput("not a map")
        seen: set[Key] = set()
        for _ in self._enter(self._argument(head), 2):
            key = self._key()
            if key in seen:
                raise MalformedInput("duplicate key")
            seen.add(key)
            yield key
        self._levels_left += 1

    def elements(self) -> Iterator[None]:
        """Go into a list: yield for every element; the caller reads it."""
        head = self._head()
        if head >> 5 != _LIST:
            raise MalformedInput("not a list")
        for _ in self._enter(self._argument(head), 1):
            yield
        self._levels_left += 1

    def is_before_list(self) -> bool:
        """Say whether the next item is a list."""
        return self.at < self._size and self.data[self.at] >> 5 == _LIST

    def finish(self) -> None:
        """Insist that nothing follows."""
        if self.at != self._size:
            raise MalformedInput("bytes after the item")

    def _head(self) -> int:
        try:
            head = self.data[self.at]
        except IndexError:
            raise _cut_short() from None
        self.at += 1
        return head

    def _take(self, size: int) -> bytes:
        start = self.at
        end = start + size
        if end > self._size:
            raise _cut_short()
        self.at = end
        return self.data[start:end]

    def _argument(self, head: int) -> int:
        info = head & 0x1F
        if info < 24:
            return info
        if info < 28:
            return int.from_bytes(self._take(1 << (info - 24)))
        if info == 31 and _BYTES <= head >> 5 <= _MAP:
            return _INDEFINITE
        raise MalformedInput("reserved additional information")

    def _uint(self, argument: int) -> int:
        return argument

    def _negative(self, _argument: int) -> Value:
        raise MalformedInput("negative number")

    def _bytes(self, argument: int) -> bytes:
        if argument == _INDEFINITE:
            return b"".join(self._take(size) for size in self._chunks(_BYTES))
        return self._take(argument)

    def _text(self, argument: int) -> str:
        if argument == _INDEFINITE:
            return "".join([self._text(size) for size in self._chunks(_TEXT)])
        try:
            return self._take(argument).decode()
        except UnicodeDecodeError:
            raise MalformedInput("text is not UTF-8") from None

    def _chunks(self, kind: int) -> Iterator[int]:
        while (head := self._head()) != _BREAK:
            if head >> 5 != kind or head & 0x1F == 31:
                raise MalformedInput("a chunk of another kind")
            yield self._argument(head)

    def _list(self, count: int) -> list[Value]:
        item = self.item
        values = [item() for _ in self._enter(count, 1)]
        self._levels_left += 1
        return values

    def _map(self, count: int) -> dict[Key, Value]:
        item, key = self.item, self._key
        entries: dict[Key, Value] = {}
        for _ in self._enter(count, 2):
            name = key()
            if name in entries:
                raise MalformedInput("duplicate key")
            entries[name] = item()
        self._levels_left += 1
        return entries

    def _key(self) -> Key:
        head = self._head()
        if 0x60 <= head < 0x78:
            return self._text(head - 0x60)
        kind = head >> 5
        if kind == _UINT:
            self._integer_keys_left -= 1
            if self._integer_keys_left < 0:
                raise MalformedInput("too many integer keys")
            return self._argument(head)
        if kind == _TEXT:
            return self._text(self._argument(head))
        if kind == _BYTES:
            return self._bytes(self._argument(head))
        raise MalformedInput("a map key that is no text, bytes or plain integer")

    def _enter(self, count: int, item_bytes: int) -> Iterable[object]:
        """Go one level down; what is returned has as many turns as the container has entries."""
        if self._levels_left == 0:
            raise MalformedInput("nested deeper than 32")
        if self._containers_left == 0:
            raise MalformedInput("too many lists and maps for the size")
        self._levels_left -= 1
        self._containers_left -= 1
        if count == _INDEFINITE:
            return iter(self._is_not_over, False)
        if count * item_bytes > self._size - self.at:
            raise _cut_short()
        return range(count)

    def _is_not_over(self) -> bool:
        if self._head() == _BREAK:
            return False
        self.at -= 1
        return True

    def _tagged(self, tag: int) -> Value:
        if tag == _TIME_TEXT:
            return self._time_text()
        if tag == _TIME_EPOCH:
            return self._time_epoch()
        if tag == _BIGNUM:
            return self._bignum()
        raise MalformedInput("unknown tag")

    def _time_text(self) -> datetime:
        head = self._head()
        if head >> 5 != _TEXT:
            raise MalformedInput("tag 0 over something else than text")
        return parse_time(self._text(self._argument(head)))

    def _time_epoch(self) -> datetime:
        head = self._head()
        if (form := _FLOATS.get(head)) is not None:
            return time_from_epoch(form.unpack(self._take(form.size))[0])
        if head >> 5 == _NEGATIVE:
            raise MalformedInput("time is before 1970")
        if head >> 5 != _UINT:
            raise MalformedInput("tag 1 over something else than a number")
        return time_from_epoch(self._argument(head))

    def _bignum(self) -> int:
        head = self._head()
        if head >> 5 != _BYTES:
            raise MalformedInput("tag 2 over something else than bytes")
        self.bignums += 1
        digits = self._bytes(self._argument(head)).lstrip(b"\0")
        if len(digits) > MAX_INTEGER_BYTES:
            raise MalformedInput("integer beyond 256 bits")
        return int.from_bytes(digits)

    def _simple(self, head: int) -> Value:
        if head in _SIMPLE:
            return _SIMPLE[head]
        if head in _FLOATS:
            raise MalformedInput("a float that is no time")
        raise MalformedInput("break outside" if head == _BREAK else "unknown simple value")


_READERS: Final[tuple[Callable[[Reader, int], Value], ...]] = (
    Reader._uint,
    Reader._negative,
    Reader._bytes,
    Reader._text,
    Reader._list,
    Reader._map,
    Reader._tagged,
)


def _cut_short() -> MalformedInput:
    return MalformedInput("cut short")


def encode(value: Value) -> bytes:
    """Encode in core deterministic form (RFC 8949 section 4.2.1).

    value: integers from 0 to 2^256-1, beyond 2^64-1 as tag 2; aware datetimes as tag 0 text. Raises ValueError for
    other numbers, TypeError for other types.
    """
    out = bytearray()
    _write(out, value)
    return bytes(out)


def _write(out: bytearray, value: Value) -> None:
    if isinstance(value, str):
        text = value.encode()
        _write_head(out, _TEXT, len(text))
        out += text
    elif isinstance(value, bool):
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        _write_integer(out, value)
    elif isinstance(value, dict):
        _write_map(out, value)
    elif isinstance(value, bytes):
        _write_head(out, _BYTES, len(value))
        out += value
    elif isinstance(value, list):
        _write_head(out, _LIST, len(value))
        for element in value:
            _write(out, element)
    elif value is None:
        out.append(0xF6)
    elif isinstance(value, datetime):
        out.append(_TAG << 5 | _TIME_TEXT)
        _write(out, format_time(value))
    else:
        raise TypeError(f"{type(value).__name__} has no CBOR form here")


def _write_map(out: bytearray, entries: dict[Key, Value]) -> None:
    _write_head(out, _MAP, len(entries))
    for key, value in sorted([(encode(key), value) for key, value in entries.items()], key=itemgetter(0)):
        out += key
        _write(out, value)


def encode_list_of(elements: Sequence[bytes]) -> bytes:
    """Encode a list whose elements are encoded already."""
    out = bytearray()
    _write_head(out, _LIST, len(elements))
    return bytes(out) + b"".join(elements)


def encode_map_of(entries: Mapping[Key, bytes]) -> bytes:
    """Encode a map whose values are encoded already; its keys are sorted here."""
    out = bytearray()
    _write_head(out, _MAP, len(entries))
    return bytes(out) + b"".join(sorted([encode(key) + value for key, value in entries.items()]))


def _write_integer(out: bytearray, value: int) -> None:
    if 0 <= value < 1 << 64:
        _write_head(out, _UINT, value)
    elif 0 <= value < 1 << 256:
        digits = value.to_bytes((value.bit_length() + 7) // 8)
        out.append(_TAG << 5 | _BIGNUM)
        _write(out, digits)
    else:
        raise ValueError("integer is not between 0 and 2^256-1")


def _write_head(out: bytearray, kind: int, argument: int) -> None:
    if argument < 24:
        out.append(kind << 5 | argument)
        return
    width = 0 if argument < 1 << 8 else 1 if argument < 1 << 16 else 2 if argument < 1 << 32 else 3
    out.append(kind << 5 | 24 + width)
    out += argument.to_bytes(1 << width)
