"""A second reading of RFC 8949 and spec 02 "CBOR": slow and plain, to check the fast one against.

It shares no code with the package: it is written after the pseudo-code of RFC 8949 appendix C, and the
standard library alone judges times.
"""

import math
import re
import struct
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any


class RefusedError(Exception):
    """Spec 02 refuses these bytes."""


class _Break:
    pass


_BREAK = _Break()
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def read(data: bytes) -> Any:
    """Read one item and nothing behind it."""
    source = BytesIO(data)
    value = _item(source, 0)
    if source.read(1):
        raise RefusedError
    return value


def _take(source: BytesIO, size: int) -> bytes:
    taken = source.read(size) if size <= len(source.getbuffer()) else b""
    if len(taken) != size:
        raise RefusedError
    return taken


def _item(source: BytesIO, depth: int, *, may_break: bool = False, float_allowed: bool = False) -> Any:
    head = _take(source, 1)[0]
    kind, info = divmod(head, 32)
    if head == 0xFF and may_break:
        return _BREAK
    if info in (28, 29, 30) or (info == 31 and kind not in (2, 3, 4, 5)):
        raise RefusedError
    if kind == 7:
        return _simple(source, info, float_allowed)
    argument = None if info == 31 else info if info < 24 else int.from_bytes(_take(source, 2 ** (info - 24)))
    if kind in (4, 5) and depth == 32:
        raise RefusedError
    match kind:
        case 0:
            return argument
        case 2 | 3:
            return _string(source, kind, argument)
        case 4:
            return list(_items(source, argument, depth + 1))
        case 5:
            return _pairs(source, argument, depth + 1)
        case 6:
            return _tagged(source, argument)
    raise RefusedError


def _string(source: BytesIO, kind: int, size: int | None) -> Any:
    if size is not None:
        raw = _take(source, size)
        try:
            return raw if kind == 2 else raw.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedError from None
    parts = []
    while (head := _take(source, 1)[0]) != 0xFF:
        if head // 32 != kind or head % 32 > 27:
            raise RefusedError
        source.seek(-1, 1)
        parts.append(_item(source, 0))
    return (b"" if kind == 2 else "").join(parts)


def _items(source: BytesIO, count: int | None, depth: int) -> Any:
    while count is None or count > 0:
        value = _item(source, depth, may_break=count is None)
        if value is _BREAK:
            return
        yield value
        count = None if count is None else count - 1


def _pairs(source: BytesIO, count: int | None, depth: int) -> Any:
    pairs: list[tuple[Any, Any]] = []
    while count is None or len(pairs) < count:
        mark = _take(source, 1)[0]
        source.seek(-1, 1)
        if mark // 32 not in (0, 2, 3) and not (mark == 0xFF and count is None):
            raise RefusedError
        key = _item(source, depth, may_break=count is None)
        if key is _BREAK:
            break
        if any(type(key) is type(other) and key == other for other, _ in pairs):
            raise RefusedError
        pairs.append((key, _item(source, depth)))
    return dict(pairs)


def _tagged(source: BytesIO, tag: int | None) -> Any:
    mark = _take(source, 1)[0]
    source.seek(-1, 1)
    allowed = {0: (3,), 1: (0, 7), 2: (2,)}.get(-1 if tag is None else tag, ())
    if mark // 32 not in allowed:
        raise RefusedError
    content = _item(source, 0, float_allowed=tag == 1)
    if tag == 0:
        return _time(content)
    if tag == 1:
        return _epoch(content)
    if int.from_bytes(content) >= 2**256:
        raise RefusedError
    return int.from_bytes(content)


def _time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise RefusedError
    day, hour, minute, second, _, zone = match.groups()
    offset = 0
    if zone not in ("Z", "z"):
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise RefusedError
        offset = int(f"{zone[0]}1") * (hours * 60 + minutes) * 60
    try:
        local = datetime.strptime(f"{day} {hour} {minute}", "%Y-%m-%d %H %M")
        if int(second) > 59:
            raise RefusedError
        moment = local.replace(second=int(second), tzinfo=UTC)
        return moment - timedelta(seconds=offset)
    except (ValueError, OverflowError):
        raise RefusedError from None


def _epoch(number: Any) -> datetime:
    if type(number) not in (int, float) or not math.isfinite(number) or number < 0:
        raise RefusedError
    try:
        return datetime.fromtimestamp(math.floor(number), UTC)
    except (ValueError, OverflowError, OSError):
        raise RefusedError from None


def _simple(source: BytesIO, info: int, float_allowed: bool) -> Any:
    if info in (20, 21, 22, 23):
        return {20: False, 21: True}.get(info)
    if info in (25, 26, 27) and float_allowed:
        return struct.unpack({25: ">e", 26: ">f", 27: ">d"}[info], _take(source, 2 ** (info - 24)))[0]
    raise RefusedError
