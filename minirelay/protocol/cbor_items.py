"""The items of CBOR (RFC 8949), read strictly as spec 02 wants it.

There is one small function for each kind of item, found by the item's first byte. It gets the bytes, where
the item begins and what is left of the limits, and returns the value and where the item ends. It raises
MalformedInput; an IndexError from here means "cut short" and a UnicodeDecodeError "not UTF-8", which
`cbor_reader` says in one place for all of them.
"""

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Final, NoReturn

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor_limits import Limits, go_down
from minirelay.protocol.timestamps import parse_time, time_from_epoch

Key = str | int | bytes
Value = None | bool | int | str | bytes | datetime | list["Value"] | dict[Key, "Value"]

MAX_INTEGER_BYTES: Final = 32  # nothing in the protocol is wider than a Uint256

_UINT, _BYTES, _TEXT, LIST, MAP = 0, 2, 3, 4, 5
INDEFINITE: Final = 0x1F
_LONG_BYTES, _LONG_TEXT, _LONG_LIST, _LONG_MAP = 0x5F, 0x7F, 0x9F, 0xBF
BREAK: Final = 0xFF
_FLOATS: Final = {0xF9: struct.Struct(">e"), 0xFA: struct.Struct(">f"), 0xFB: struct.Struct(">d")}


ReadItem = Callable[[bytes, int, Limits], tuple[Value, int]]
ReadKey = Callable[[bytes, int, Limits], tuple[Key, int]]


def cut_short() -> MalformedInput:
    return MalformedInput("cut short")


def duplicate() -> MalformedInput:
    return MalformedInput("duplicate key")


def argument(data: bytes, at: int, _limits: Limits) -> tuple[int, int]:
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
        raise cut_short()
    return int.from_bytes(digits), start + size


def _small_uint(data: bytes, at: int, _limits: Limits) -> tuple[int, int]:
    return data[at], at + 1


def _short_text(data: bytes, at: int, _limits: Limits) -> tuple[str, int]:
    end = at + data[at] - 0x5F
    if end > len(data):
        raise cut_short()
    return data[at + 1 : end].decode(), end


def _long_uint(data: bytes, at: int, _limits: Limits) -> tuple[int, int]:
    # As `argument`, for the one width that ids and prices have.
    end = at + 9
    if end > len(data):
        raise cut_short()
    return int.from_bytes(data[at + 1 : end]), end


def _medium_text(data: bytes, at: int, _limits: Limits) -> tuple[str, int]:
    start = at + 2
    end = start + data[at + 1]
    if end > len(data):
        raise cut_short()
    return data[start:end].decode(), end


def _text(data: bytes, at: int, limits: Limits) -> tuple[str, int]:
    raw, end = _bytes(data, at, limits)
    return raw.decode(), end


def _bytes(data: bytes, at: int, limits: Limits) -> tuple[bytes, int]:
    info = data[at] & 0x1F
    # Without the call where it is short: hashes and signatures are.
    if info < 24:
        start = at + 1
        end = start + info
    elif info == 24:
        start = at + 2
        end = start + data[at + 1]
    else:
        size, start = argument(data, at, limits)
        end = start + size
    if end > len(data):
        raise cut_short()
    return data[start:end], end


def _long_bytes(data: bytes, at: int, limits: Limits) -> tuple[bytes, int]:
    chunks, end = _chunks(data, at, limits)
    return b"".join(chunks), end


def _long_text(data: bytes, at: int, limits: Limits) -> tuple[str, int]:
    chunks, end = _chunks(data, at, limits)
    return "".join([chunk.decode() for chunk in chunks]), end


def _chunks(data: bytes, at: int, limits: Limits) -> tuple[list[bytes], int]:
    kind = data[at] >> 5
    at += 1
    chunks = []
    while (head := data[at]) != BREAK:
        if head >> 5 != kind or head & 0x1F >= 28:
            raise MalformedInput("a chunk of another kind, or not definite")
        chunk, at = _bytes(data, at, limits)
        chunks.append(chunk)
    return chunks, at + 1


def _list(data: bytes, at: int, limits: Limits) -> tuple[list[Value], int]:
    go_down(limits)
    count = data[at] & 0x1F
    if count < 24:
        at += 1
    else:
        count, at = argument(data, at, limits)
    if count > len(data) - at:
        raise cut_short()
    items = ITEMS
    values: list[Value] = []
    for _ in range(count):
        value, at = items[data[at]](data, at, limits)
        values.append(value)
    limits.levels_left += 1
    return values, at


def _long_list(data: bytes, at: int, limits: Limits) -> tuple[list[Value], int]:
    go_down(limits)
    at += 1
    values = []
    while data[at] != BREAK:
        value, at = ITEMS[data[at]](data, at, limits)
        values.append(value)
    limits.levels_left += 1
    return values, at + 1


def _map(data: bytes, at: int, limits: Limits) -> tuple[dict[Key, Value], int]:
    go_down(limits)
    count = data[at] & 0x1F
    if count < 24:
        at += 1
    else:
        count, at = argument(data, at, limits)
    if count > len(data) - at:
        raise cut_short()
    keys, items = KEYS, ITEMS
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
            key, at = keys[head](data, at, limits)
        if key in entries:
            raise duplicate()
        entries[key], at = items[data[at]](data, at, limits)
    limits.levels_left += 1
    return entries, at


def _long_map(data: bytes, at: int, limits: Limits) -> tuple[dict[Key, Value], int]:
    go_down(limits)
    at += 1
    entries: dict[Key, Value] = {}
    while data[at] != BREAK:
        key, at = KEYS[data[at]](data, at, limits)
        if key in entries:
            raise duplicate()
        entries[key], at = ITEMS[data[at]](data, at, limits)
    limits.levels_left += 1
    return entries, at + 1


def _integer_key(data: bytes, at: int, limits: Limits) -> tuple[int, int]:
    if limits.integer_keys_left == 0:
        raise MalformedInput("too many integer keys")
    limits.integer_keys_left -= 1
    return argument(data, at, limits)


def _tagged(data: bytes, at: int, limits: Limits) -> tuple[Value, int]:
    tag, at = argument(data, at, limits)
    read = _TAGGED.get(tag)
    if read is None:
        raise MalformedInput("unknown tag")
    return read(data, at, limits)


def _time_from_text(data: bytes, at: int, limits: Limits) -> tuple[datetime, int]:
    head = data[at]
    if head >> 5 != _TEXT:
        raise MalformedInput("tag 0 over something else than text")
    text, end = (_long_text if head == _LONG_TEXT else _text)(data, at, limits)
    return parse_time(text), end


def _time_from_number(data: bytes, at: int, limits: Limits) -> tuple[datetime, int]:
    head = data[at]
    if head >> 5 == _UINT:
        seconds, end = argument(data, at, limits)
        return time_from_epoch(seconds), end
    form = _FLOATS.get(head)
    if form is None:
        raise MalformedInput("tag 1 over something else than a number from 0 on")
    end = at + 1 + form.size
    if end > len(data):
        raise cut_short()
    return time_from_epoch(form.unpack_from(data, at + 1)[0]), end


def _bignum(data: bytes, at: int, limits: Limits) -> tuple[int, int]:
    head = data[at]
    if head >> 5 != _BYTES:
        raise MalformedInput("tag 2 over something else than bytes")
    raw, end = (_long_bytes if head == _LONG_BYTES else _bytes)(data, at, limits)
    digits = raw.lstrip(b"\0")
    if len(digits) > MAX_INTEGER_BYTES:
        raise MalformedInput("integer beyond 256 bits")
    limits.bignums += 1
    return int.from_bytes(digits), end


def _false(_data: bytes, at: int, _limits: Limits) -> tuple[bool, int]:
    return False, at + 1


def _true(_data: bytes, at: int, _limits: Limits) -> tuple[bool, int]:
    return True, at + 1


def _null(_data: bytes, at: int, _limits: Limits) -> tuple[None, int]:
    return None, at + 1


def _refuse(reason: str) -> Callable[[bytes, int, Limits], NoReturn]:
    def refuse(_data: bytes, _at: int, _limits: Limits) -> NoReturn:
        raise MalformedInput(reason)

    return refuse


_TAGGED: Final[dict[int, ReadItem]] = {0: _time_from_text, 1: _time_from_number, 2: _bignum}

_BY_KIND: Final[tuple[ReadItem, ...]] = (
    argument,
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
    0x1B: _long_uint,
    **dict.fromkeys(range(0x60, 0x78), _short_text),
    0x78: _medium_text,
    _LONG_TEXT: _long_text,
    _LONG_LIST: _long_list,
    _LONG_MAP: _long_map,
    0xF4: _false,
    0xF5: _true,
    0xF6: _null,
    0xF7: _null,  # undefined
    **dict.fromkeys(_FLOATS, _refuse("a float that is no time")),
    BREAK: _refuse("break outside"),
}
ITEMS: Final[tuple[ReadItem, ...]] = tuple(_BY_HEAD.get(head, _BY_KIND[head >> 5]) for head in range(256))

_KEYS_BY_KIND: Final[dict[int, ReadKey]] = {_UINT: _integer_key, _BYTES: _bytes, _TEXT: _text}
_KEYS_BY_HEAD: Final[dict[int, ReadKey]] = {
    _LONG_BYTES: _long_bytes,
    **dict.fromkeys(range(0x60, 0x78), _short_text),
    _LONG_TEXT: _long_text,
}
_NO_KEY: Final[ReadKey] = _refuse("a map key that is no text, bytes or plain unsigned integer")
KEYS: Final[tuple[ReadKey, ...]] = tuple(
    _KEYS_BY_HEAD.get(head, _KEYS_BY_KIND.get(head >> 5, _NO_KEY)) for head in range(256)
)
