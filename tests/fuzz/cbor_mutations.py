"""Changes to CBOR that stay CBOR: heads, counts, types, keys, whole items.

It reads items into a tree of its own, which can say everything that the format can: lengths longer than they
need be, counts that are wrong, indefinite lengths, tags over anything.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.fuzz.byte_mutations import EDGES

UINT, NEGATIVE, BYTES, TEXT, LIST, MAP, TAG, SIMPLE = range(8)
_CONTAINERS = (LIST, MAP, TAG)
_TIMES = (b"2025-06-01T09:00:00Z", b"2025-06-01T09:00:00.5+02:00", b"0001-01-01T00:00:00+23:59", b"9999")
_TEXTS = (b"", b" ", b"x", b"a|b", b"\0", b"\xc3\xa9", b"\xff", b"a@b.c", b"+1234567", *_TIMES)


class NoTreeError(Exception):
    """These bytes are not CBOR, as far as this reader knows it."""


@dataclass
class Item:
    """One item. width: of the argument behind the head: 0 for the shortest, 1, 2, 4 or 8 bytes.

    content: what follows the head of bytes, text, floats. surplus: how far the count is from the truth.
    """

    kind: int
    argument: int = 0
    width: int = 0
    content: bytes = b""
    inside: list["Item"] = field(default_factory=list)
    is_indefinite: bool = False
    surplus: int = 0


def mutate_cbor(chance: random.Random, data: bytes, donor: bytes) -> bytes:
    """Change something in the tree of an input; raises NoTreeError if it has none."""
    root = read_tree(data)
    try:
        donated = every_item(read_tree(donor))
    except NoTreeError:
        donated = [root]
    items = every_item(root)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change = chance.choice(_CHANGES)
        change(chance, chance.choice(items), chance.choice(donated))
    return write_tree(root)


def every_item(root: Item) -> list[Item]:
    """List an item and all that are in it."""
    found = [root]
    for item in found:
        found += item.inside
    return found


# -- changes


def _retype(chance: random.Random, item: Item, _other: Item) -> None:
    item.kind = chance.randrange(8)


def _renumber(chance: random.Random, item: Item, _other: Item) -> None:
    item.kind = chance.choice((UINT, UINT, UINT, TAG, SIMPLE)) if item.kind != TAG else TAG
    near = item.argument + chance.choice((-1, 1))
    item.argument = chance.choice((0, 1, 2, 5, 24, near, chance.choice(EDGES))) % 2**64


def _widen(chance: random.Random, item: Item, _other: Item) -> None:
    item.width = chance.choice((1, 2, 4, 8))


def _miscount(chance: random.Random, item: Item, _other: Item) -> None:
    item.surplus = chance.choice((-1, 1, 2, 2**16, 2**32, 2**63))


def _become(chance: random.Random, item: Item, other: Item) -> None:
    _set(item, other)


def _become_leaf(chance: random.Random, item: Item, _other: Item) -> None:
    kind = chance.choice((UINT, BYTES, TEXT, SIMPLE, MAP, LIST))
    content = chance.choice(_TEXTS) if kind == TEXT else bytes(chance.choice((0, 1, 8, 20, 32, 33, 64, 65)))
    _set(item, Item(kind, chance.choice((0, 1, 20, 21, 22, 23, chance.choice(EDGES) % 2**64)), 0, content))


def _become_time(chance: random.Random, item: Item, _other: Item) -> None:
    number = Item(UINT, chance.choice(EDGES) % 2**64)
    double = Item(SIMPLE, 0, 8, chance.randbytes(8))
    text = Item(TEXT, 0, 0, chance.choice(_TIMES))
    _set(item, Item(TAG, chance.choice((0, 1)), 0, b"", [chance.choice((number, double, text))]))


def _become_bignum(chance: random.Random, item: Item, _other: Item) -> None:
    digits = Item(BYTES, 0, 0, b"\xff" * chance.choice((0, 1, 8, 9, 32, 33)))
    _set(item, Item(TAG, 2, 0, b"", [digits]))


def _wrap(chance: random.Random, item: Item, _other: Item) -> None:
    for _ in range(chance.choice((1, 1, 2, 31, 40))):
        inner = replace(item)
        vars(item).update(vars(Item(chance.choice((LIST, TAG)), chance.randrange(4), inside=[inner])))


def _delete_inside(chance: random.Random, item: Item, _other: Item) -> None:
    if item.inside:
        step = 2 if item.kind == MAP else 1
        start = chance.randrange(0, len(item.inside), step)
        del item.inside[start : start + step]


def _repeat_inside(chance: random.Random, item: Item, _other: Item) -> None:
    if item.inside:
        step = 2 if item.kind == MAP else 1
        start = chance.randrange(0, len(item.inside), step)
        times = chance.choice((1, 1, 2, 50))
        item.inside[start:start] = item.inside[start : start + step] * times


def _swap_inside(chance: random.Random, item: Item, _other: Item) -> None:
    chance.shuffle(item.inside)


def _add_inside(chance: random.Random, item: Item, other: Item) -> None:
    if item.kind in (LIST, MAP):
        entry = [Item(chance.choice((TEXT, UINT, BYTES)), 7, 0, b"Key"), _copied(other)]
        item.inside += entry if item.kind == MAP else entry[1:]


def _open_end(_chance: random.Random, item: Item, _other: Item) -> None:
    item.is_indefinite = not item.is_indefinite


def _respell(chance: random.Random, item: Item, _other: Item) -> None:
    item.content = chance.choice((item.content.lower(), item.content.upper(), item.content.swapcase()))


def _resize(chance: random.Random, item: Item, _other: Item) -> None:
    cut = chance.randrange(len(item.content) + 1)
    item.content = chance.choice((item.content[:cut], item.content * 2, item.content + b"x", b""))


_CHANGES: tuple[Callable[[random.Random, Item, Item], None], ...] = (
    *(_retype, _renumber, _renumber, _widen, _miscount, _become, _become, _become_leaf, _become_leaf),
    *(_become_time, _become_bignum, _wrap, _delete_inside, _delete_inside, _repeat_inside, _swap_inside),
    *(_add_inside, _open_end, _respell, _respell, _resize),
)


def _set(item: Item, other: Item) -> None:
    vars(item).update(vars(_copied(other)))


def _copied(item: Item) -> Item:
    return replace(item, inside=[_copied(inner) for inner in item.inside])


# -- reading


def read_tree(data: bytes) -> Item:
    """Read one item; what follows it is dropped. Raises NoTreeError."""
    try:
        return _read(data, 0, 0)[0]
    except IndexError:
        raise NoTreeError from None


def _read(data: bytes, at: int, depth: int) -> tuple[Item, int]:
    if depth > 100:
        raise NoTreeError
    kind, info = data[at] >> 5, data[at] & 31
    at += 1
    if info == 31 and kind in (BYTES, TEXT, LIST, MAP):
        return _read_open(data, at, depth, kind)
    size = 1 << (info - 24) if 24 <= info < 28 else 0
    if info >= 28 or at + size > len(data):
        raise NoTreeError
    argument = int.from_bytes(data[at : at + size]) if size else info
    at += size
    item = Item(kind, argument, size)
    if kind == SIMPLE:
        item.content = data[at - size : at]
    elif kind in (BYTES, TEXT):
        item.content, at = data[at : at + argument], at + argument
        if at > len(data):
            raise NoTreeError
    elif kind in _CONTAINERS:
        at = _read_inside(data, at, depth, item)
    return item, at


def _read_inside(data: bytes, at: int, depth: int, item: Item) -> int:
    count = 1 if item.kind == TAG else item.argument * (2 if item.kind == MAP else 1)
    if count > len(data):
        raise NoTreeError
    for _ in range(count):
        inner, at = _read(data, at, depth + 1)
        item.inside.append(inner)
    return at


def _read_open(data: bytes, at: int, depth: int, kind: int) -> tuple[Item, int]:
    item = Item(kind, is_indefinite=True)
    while data[at] != 0xFF:
        inner, at = _read(data, at, depth + 1)
        item.inside.append(inner)
    if kind in (BYTES, TEXT):
        item.content = b"".join(inner.content for inner in item.inside)
        item.inside = []
    return item, at + 1


# -- writing


def write_tree(item: Item) -> bytes:
    """Write an item as it says, right or wrong."""
    out: list[bytes] = []
    _write(item, out)
    return b"".join(out)


def _write(item: Item, out: list[bytes]) -> None:
    if item.kind == SIMPLE and item.width:
        width = item.width if len(item.content) == item.width else 1
        out.append(bytes((SIMPLE << 5 | 23 + width.bit_length(),)) + item.content[:width].rjust(width, b"\0"))
        return
    if item.is_indefinite and item.kind in (BYTES, TEXT, LIST, MAP):
        out.append(bytes((item.kind << 5 | 31,)))
        if item.kind in (BYTES, TEXT):
            out.append(_head(item.kind, len(item.content), 0) + item.content)
    else:
        out.append(_head(item.kind, (_argument(item) + item.surplus) % 2**64, item.width))
        if item.kind in (BYTES, TEXT):
            out.append(item.content)
    if item.kind in _CONTAINERS:
        for inner in item.inside[: 1 if item.kind == TAG else None]:
            _write(inner, out)
    if item.is_indefinite and item.kind in (BYTES, TEXT, LIST, MAP):
        out.append(b"\xff")


def _argument(item: Item) -> int:
    match item.kind:
        case 2 | 3:
            return len(item.content)
        case 4:
            return len(item.inside)
        case 5:
            return len(item.inside) // 2
    return item.argument


def _head(kind: int, argument: int, width: int) -> bytes:
    if argument < 24 and not width:
        return bytes((kind << 5 | argument,))
    needed = next(size for size in (1, 2, 4, 8) if argument >> 8 * size == 0)
    size = max(needed, width)
    return bytes((kind << 5 | 23 + size.bit_length(),)) + argument.to_bytes(size)
