"""The way of a key down the trie (spec 03 "HAMT"): a slot for each level, from the hash of the key."""

from functools import lru_cache
from hashlib import sha256
from typing import Final

SLOT_BITS: Final = 6
LEVELS: Final = 42
SLOT_MASK: Final = (1 << SLOT_BITS) - 1
ROOT_SHIFT: Final = SLOT_BITS * (LEVELS - 1)
"""How far a trail is shifted for the root's slot; each level below takes SLOT_BITS less."""

# Names in keys may be as long as a patch: those would be megabytes, kept outside of every budget.
_REMEMBERED_KEY_BYTES: Final = 64


def trail_of(key: bytes) -> int:
    """Compute the way of a key from the root down: 42 slots of 6 bits, the root's in the highest."""
    return _remembered_trail(key) if len(key) <= _REMEMBERED_KEY_BYTES else _compute_trail(key)


def _compute_trail(key: bytes) -> int:
    return int.from_bytes(sha256(key).digest()) >> (256 - SLOT_BITS * LEVELS)


# A write asks for the same key several times: to read, to compare and to set.
_remembered_trail = lru_cache(maxsize=1024)(_compute_trail)
