"""CBOR (RFC 8949) as spec 02 wants it: strict in what is read, deterministic in what is written."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from minirelay.protocol.cbor_items import Key, Value
from minirelay.protocol.cbor_reader import Reader
from minirelay.protocol.timestamps import format_time, whole_seconds

__all__ = ["Key", "Value", "as_decoded", "decode", "encode", "encode_list_of", "encode_map_of"]

_UINT, _BYTES, _TEXT, _LIST, _MAP = 0, 2, 3, 4, 5
_FALSE, _TRUE, _NULL = b"\xf4", b"\xf5", b"\xf6"
_TIME_TEXT, _BIGNUM = b"\xc0", b"\xc2"
_CACHED_KEY_LENGTH: Final = 32


def decode(data: bytes, containers: int | None = None) -> Value:
    """Decode exactly one item. containers: see `Reader`.

    Returns plain values: `undefined` as None, bignums as int, tags 0 and 1 as aware UTC datetimes of whole
    seconds; other texts and integers stay what they are, also where they stand for times. Raises
    MalformedInput for all that spec 02 "CBOR" refuses. Time and memory are linear in the input.
    """
    reader = Reader(data, containers)
    value = reader.item()
    reader.finish()
    return value


def encode(value: Value) -> bytes:
    """Encode in core deterministic form (RFC 8949 section 4.2.1).

    value: integers from 0 to 2^256-1, beyond 2^64-1 as tag 2; aware datetimes as tag 0 text. Raises
    ValueError for other numbers and times without a zone, TypeError for other types.
    """
    out: list[bytes] = []
    _WRITERS.get(type(value), _write_unknown)(out, value)
    return b"".join(out)


def as_decoded(value: Value) -> Value:
    """Return what decoding gives back of a value that `encode` took. It shares nothing mutable with it."""
    match value:
        case dict():
            return {key: as_decoded(content) for key, content in value.items()}
        case list():
            return [as_decoded(element) for element in value]
        case datetime():
            return whole_seconds(value)
    return value


def encode_list_of(elements: Sequence[bytes]) -> bytes:
    """Encode a list whose elements are encoded already."""
    return _head(_LIST, len(elements)) + b"".join(elements)


def encode_map_of(entries: Mapping[Key, bytes]) -> bytes:
    """Encode a map whose values are encoded already; its keys are sorted here."""
    return _head(_MAP, len(entries)) + b"".join(sorted([_key(key) + value for key, value in entries.items()]))


def _write_text(out: list[bytes], value: str) -> None:
    raw = value.encode()
    out.append(_head(_TEXT, len(raw)))
    out.append(raw)


def _write_bytes(out: list[bytes], value: bytes) -> None:
    out.append(_head(_BYTES, len(value)))
    out.append(value)


def _write_integer(out: list[bytes], value: int) -> None:
    if value >> 64 == 0:
        out.append(_head(_UINT, value))
    elif value >> 256 == 0:
        out.append(_BIGNUM)
        _write_bytes(out, value.to_bytes((value.bit_length() + 7) // 8))
    else:
        raise ValueError("integer is not between 0 and 2^256-1")


def _write_bool(out: list[bytes], value: bool) -> None:
    out.append(_TRUE if value else _FALSE)


def _write_null(out: list[bytes], _value: None) -> None:
    out.append(_NULL)


def _write_time(out: list[bytes], value: datetime) -> None:
    out.append(_TIME_TEXT)
    _write_text(out, format_time(value))


def _write_list(out: list[bytes], value: list[Value]) -> None:
    out.append(_head(_LIST, len(value)))
    for element in value:
        _WRITERS.get(type(element), _write_unknown)(out, element)


def _write_map(out: list[bytes], value: dict[Key, Value]) -> None:
    out.append(_head(_MAP, len(value)))
    for key, content in sorted([(_key(key), content) for key, content in value.items()], key=itemgetter(0)):
        out.append(key)
        _WRITERS.get(type(content), _write_unknown)(out, content)


def _write_unknown(_out: list[bytes], value: object) -> None:
    raise TypeError(f"{type(value).__name__} has no CBOR form here")


_WRITERS: Final[dict[type, Callable[[list[bytes], Any], None]]] = {
    str: _write_text,
    bytes: _write_bytes,
    int: _write_integer,
    bool: _write_bool,
    type(None): _write_null,
    datetime: _write_time,
    list: _write_list,
    dict: _write_map,
}


def _key(key: Key) -> bytes:
    if isinstance(key, str) and len(key) <= _CACHED_KEY_LENGTH:
        return _short_key(key)
    if isinstance(key, bool) or not isinstance(key, (str, int, bytes)):
        raise TypeError("a map key is text, bytes or an integer")
    return encode(key)


@lru_cache(maxsize=4096)
def _short_key(key: str) -> bytes:
    return encode(key)


def _head(kind: int, argument: int) -> bytes:
    if argument < 24:
        return _SHORT_HEADS[kind][argument]
    width = 0 if argument < 1 << 8 else 1 if argument < 1 << 16 else 2 if argument < 1 << 32 else 3
    return bytes((kind << 5 | 24 + width,)) + argument.to_bytes(1 << width)


_SHORT_HEADS: Final = [[bytes((kind << 5 | argument,)) for argument in range(24)] for kind in range(6)]
