"""Changes to bytes whose meaning is not known."""

import random

EDGES = tuple(
    edge for bits in (7, 8, 15, 16, 31, 32, 63, 64, 255, 256) for edge in (2**bits - 1, 2**bits, 2**bits + 1)
)
"""Where ranges of integers end."""


def mutate_bytes(chance: random.Random, data: bytes, donor: bytes) -> bytes:
    """Change a few bytes somewhere. donor: another input, to take pieces from."""
    start, end = _range(chance, data)
    match chance.randrange(9):
        case 0:
            return _with(data, start, start + 1, bytes((_byte(data, start) ^ 1 << chance.randrange(8),)))
        case 1:
            return _with(data, start, start + 1, bytes((chance.randrange(256),)))
        case 2:
            return _with(data, start, end, b"")
        case 3:
            return _with(data, end, end, data[start:end] * chance.choice((1, 1, 1, 30)))
        case 4:
            return _with(data, start, start, chance.randbytes(chance.randrange(1, 9)))
        case 5:
            first, last = _range(chance, donor)
            return _with(data, start, end, donor[first:last])
        case 6:
            number = _edge_bytes(chance)
            return _with(data, start, start + len(number), number)
        case 7:
            return data[:start]
        case _:
            other, other_end = _range(chance, data)
            return _with(data, start, end, data[other:other_end])


def _range(chance: random.Random, data: bytes) -> tuple[int, int]:
    """Pick a part, mostly a short one."""
    start = chance.randrange(len(data) + 1)
    longest = len(data) - start
    size = chance.randrange(longest + 1) if chance.random() < 0.2 else min(longest, chance.randrange(1, 9))
    return start, start + size


def _byte(data: bytes, place: int) -> int:
    return data[place] if place < len(data) else 0


def _with(data: bytes, start: int, end: int, new: bytes) -> bytes:
    return data[:start] + new + data[end:]


def _edge_bytes(chance: random.Random) -> bytes:
    edge = chance.choice(EDGES)
    width = chance.choice((1, 2, 4, 8))
    return (edge % (1 << 8 * width)).to_bytes(width, chance.choice(("big", "little")))
