"""Core deterministic CBOR (RFC 8949, 4.2.1) straight from typed objects.

The type says what each field is and in which order the keys go, so nothing is sorted per object except the
keys of real maps. Gives the bytes that `protocol.cbor.encode` gives for the object as maps and lists, sooner.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import cbor2
from msgspec import inspect
from msgspec.structs import astuple

from minirelay.protocol.timestamps import format_time
from minirelay.shop.key_cards import KeyCards
from minirelay.shop.objects import OMITTED_WHEN_EMPTY

Encode = Callable[[Any], bytes]

_UINT, _BYTES, _TEXT, _LIST, _MAP = (major << 5 for major in (0, 2, 3, 4, 5))
_BIGNUM = b"\xc2"
_TIME_TEXT = b"\xc0"
_BOOLS = {False: b"\xf4", True: b"\xf5"}


@cache
def encoder_for(kind: Any) -> Encode:
    """Make the function that encodes values of a type: a struct of `objects`, or int."""
    return _for_type(inspect.type_info(kind))


def _for_type(info: inspect.Type) -> Encode:
    match info:
        case inspect.Metadata(extra={"encoded": _}):
            return _key_cards
        case inspect.Metadata():
            return _for_type(info.type)
        case inspect.UnionType():
            (only,) = (member for member in info.types if not isinstance(member, inspect.NoneType))
            return _for_type(only)
        case inspect.StructType():
            return _for_struct(info)
        case inspect.DictType(max_length=0):
            return _empty_map
        case inspect.DictType():
            return _for_map(_for_type(info.key_type), _for_type(info.value_type))
        case inspect.ListType():
            return _for_list(_for_type(info.item_type))
        case _:
            return _SCALARS[type(info)]


_WIDE_HEADS = tuple(bytes((head,)) for head in range(256))


def _head(major: int, argument: int) -> bytes:
    """Encode a head in the fewest bytes. major: the major type in its place, the three high bits."""
    if argument < 24:
        return bytes((major | argument,))
    width = 0 if argument < 1 << 8 else 1 if argument < 1 << 16 else 2 if argument < 1 << 32 else 3
    return _WIDE_HEADS[major | 24 + width] + argument.to_bytes(1 << width)


_SHORT = 256
_UINT_HEADS, _BYTES_HEADS, _TEXT_HEADS, _LIST_HEADS, _MAP_HEADS = (
    tuple(_head(major, argument) for argument in range(_SHORT))
    for major in (_UINT, _BYTES, _TEXT, _LIST, _MAP)
)


def _uint(value: int) -> bytes:
    if 0 <= value < _SHORT:
        return _UINT_HEADS[value]
    if value >> 64 == 0:
        return _head(_UINT, value)
    return _BIGNUM + _bytes(value.to_bytes((value.bit_length() + 7) // 8))


def _bytes(value: bytes) -> bytes:
    size = len(value)
    return (_BYTES_HEADS[size] if size < _SHORT else _head(_BYTES, size)) + value


def _text(value: str) -> bytes:
    data = value.encode()
    size = len(data)
    return (_TEXT_HEADS[size] if size < _SHORT else _head(_TEXT, size)) + data


def _time(value: datetime) -> bytes:
    return _TIME_TEXT + _text(format_time(value))


# A million numbers would take a tenth of a second here; a short list is sooner written than handed over.
_LONG_LIST = 64
_WRITTEN_BY_CBOR2 = (_uint, _bytes, _text)


def _empty_map(_value: dict[Any, Any]) -> bytes:
    return _MAP_HEADS[0]


_SCALARS: dict[type[inspect.Type], Encode] = {
    inspect.IntType: _uint,
    inspect.EnumType: _uint,
    inspect.BoolType: _BOOLS.__getitem__,
    inspect.BytesType: _bytes,
    inspect.StrType: _text,
    inspect.DateTimeType: _time,
}


def _key_cards(value: KeyCards) -> bytes:
    return value.encode(_head(_LIST, len(value)))


def _for_list(item: Encode) -> Encode:
    is_plain = item in _WRITTEN_BY_CBOR2

    def encode_list(values: list[Any]) -> bytes:
        size = len(values)
        if is_plain and size >= _LONG_LIST:
            written: bytes = cbor2.dumps(values)
            return written
        head = _LIST_HEADS[size] if size < _SHORT else _head(_LIST, size)
        return head + b"".join([item(value) for value in values])

    return encode_list


def _for_map(key: Encode, item: Encode) -> Encode:
    def encode_map(values: dict[Any, Any]) -> bytes:
        size = len(values)
        head = _MAP_HEADS[size] if size < _SHORT else _head(_MAP, size)
        entries = [(key(name), item(value)) for name, value in values.items()]
        entries.sort()
        return head + b"".join([part for entry in entries for part in entry])

    return encode_map


def _for_struct(info: inspect.StructType) -> Encode:
    fields = sorted(
        (
            _text(field.encode_name),
            place,
            _for_type(field.type),
            not field.required,
            field.name in OMITTED_WHEN_EMPTY,
        )
        for place, field in enumerate(info.fields)
    )

    def encode_struct(obj: Any) -> bytes:
        # Joined once, in the end: an account's key cards may take megabytes.
        parts = [b""]
        values = astuple(obj)
        for name, place, encode, is_optional, is_omitted_when_empty in fields:
            value = values[place]
            if is_optional and (value is None or (is_omitted_when_empty and not value)):
                continue
            parts += name, encode(value)
        parts[0] = _MAP_HEADS[len(parts) // 2]
        return b"".join(parts)

    return encode_struct
