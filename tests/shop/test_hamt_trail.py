"""Trails: from the hash of a key, and not kept where that would take much."""

import tracemalloc
from hashlib import sha256

from minirelay.shop.hamt_trail import ROOT_SHIFT, SLOT_MASK, trail_of


def true_trail(key: bytes) -> int:
    bits = "".join(f"{byte:08b}" for byte in sha256(key).digest())
    return int(bits[:252], 2)


def test_the_trail_is_the_first_252_bits_of_the_keys_hash() -> None:
    for key in (b"", b"key", bytes(64), bytes(65), bytes(100_000)):
        assert trail_of(key) == true_trail(key)


def test_long_keys_are_not_kept_for_later() -> None:
    tracemalloc.start()
    try:
        for number in range(100):
            trail_of(number.to_bytes(100_000))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 200_000


def test_the_root_s_slot_is_in_the_highest_bits() -> None:
    assert trail_of(b"key") >> ROOT_SHIFT == sha256(b"key").digest()[0] >> 2 <= SLOT_MASK
