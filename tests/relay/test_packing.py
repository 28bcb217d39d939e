"""How sets become pushes: 64 patches or 768 KiB, larger ones alone, beyond 900 KiB in parts (spec 01)."""

import random
from datetime import UTC, datetime

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.push import (
    MAX_PATCHES_PER_PUSH,
    MAX_PUSH_BYTES,
    MAX_SET_BYTES,
    decode_set,
    encode_push,
    encode_set,
)
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.packing import Package, VisibleSet, pack, see
from minirelay.relay.view import View
from minirelay.store.messages import EMPTY_COUNTS, Leaf, StoredSet

KEY = PrivateKey.from_bytes(b"\x05" * 32)


def small(seq: int, patch_count: int = 1, size: int = 100) -> VisibleSet:
    return VisibleSet(seq, patch_count, bytes(size))


def real(seq: int, patch_count: int, value_bytes: int) -> StoredSet:
    sealed = seal_patch_set(
        [
            NewPatch("append", ("Listings", n + 1, "Metadata", "Images"), "x" * value_bytes)
            for n in range(patch_count)
        ],
        shop_id=1,
        key_card_nonce=seq,
        timestamp=datetime(2025, 6, 1, tzinfo=UTC),
        key=KEY,
    )
    leaves = tuple(Leaf(ObjectType.LISTING, (n + 1).to_bytes(8)) for n in range(patch_count))
    return StoredSet(seq, leaves, EMPTY_COUNTS, encode_set(seq, open_patch_set(sealed)))


def shape(packages: list[Package]) -> list[tuple[int, int, int]]:
    """Give of each package: pushes, sets in the first push, last sequence number."""
    return [(len(one.pushes), len(one.pushes[0]), one.seq) for one in packages]


def test_up_to_64_patches_go_into_one_push() -> None:
    assert shape(list(pack(small(seq) for seq in range(1, 131)))) == [(1, 64, 64), (1, 64, 128), (1, 2, 130)]


def test_sets_stay_whole() -> None:
    packages = list(pack([small(1, 40), small(2, 30), small(3, 34)]))
    assert shape(packages) == [(1, 1, 1), (1, 2, 3)]
    assert [one.patch_count for one in packages] == [40, 64]


def test_a_push_is_at_most_768_kib() -> None:
    packages = list(pack(small(seq, 1, 300 * 1024) for seq in range(1, 6)))
    assert shape(packages) == [(1, 2, 2), (1, 2, 4), (1, 1, 5)]
    assert all(len(encode_push(-1, b"\0\1", one.pushes[0])) <= MAX_PUSH_BYTES for one in packages)


def test_a_larger_set_goes_alone() -> None:
    packages = list(pack([small(1), small(2, 200, 1000), small(3), small(4, 1, 800 * 1024), small(5)]))
    assert shape(packages) == [(1, 1, 1), (1, 1, 2), (1, 1, 3), (1, 1, 4), (1, 1, 5)]


def test_a_set_beyond_900_kib_is_split_and_its_parts_stay_together() -> None:
    big = real(7, 40, 50_000)
    visible = see(View(everything=True), big)
    assert visible is not None
    (before, package, after) = pack([small(6), visible, small(8)])
    assert (before.seq, after.seq) == (6, 8)
    assert package.seq == 7
    assert package.patch_count == 40
    parts = [decode_set(one) for (one,) in package.pushes]
    assert len(parts) > 2
    assert all(len(one) <= MAX_SET_BYTES for (one,) in package.pushes)
    assert [patch for part in parts for patch in part.patches] == list(decode_set(big.wire).patches)
    starts = [part.leaf_index for part in parts]
    assert starts[0] == 0
    assert starts == sorted(set(starts))


def test_a_frame_of_a_largest_part_fits_what_clients_accept() -> None:
    visible = see(View(everything=True), real(7, 40, 50_000))
    assert visible is not None
    for package in pack([visible]):
        for sets in package.pushes:
            assert len(encode_push(-(2**62), b"\0\1", sets)) < 1024 * 1024


def test_splitting_goes_by_what_the_subscriber_sees() -> None:
    big = real(7, 40, 50_000)
    few = see(View(objects=frozenset((ObjectType.LISTING, (n + 1).to_bytes(8)) for n in (3, 5))), big)
    assert few is not None
    assert few.patch_count == 2
    (package,) = pack([few])
    assert len(package.pushes) == 1
    part = decode_set(package.pushes[0][0])
    assert (part.leaf_index, len(part.patches)) == (3, 2)


def test_a_partly_visible_set_is_cut_with_header_and_signature_untouched() -> None:
    whole = real(3, 5, 10)
    seen = see(View(objects=frozenset({(ObjectType.LISTING, (2).to_bytes(8))})), whole)
    assert seen is not None
    cut, full = decode_set(seen.wire), decode_set(whole.wire)
    assert (cut.header, cut.signature, cut.seq) == (full.header, full.signature, full.seq)
    assert (cut.patches, cut.proofs) == (full.patches[1:2], full.proofs[1:2])
    assert cut.leaf_index == 1


def test_a_set_of_which_nothing_is_visible_is_nothing() -> None:
    assert see(View(types=frozenset({ObjectType.TAG})), real(3, 2, 10)) is None


def test_a_wholly_visible_set_is_the_stored_object() -> None:
    stored = real(3, 2, 10)
    seen = see(View(everything=True), stored)
    assert seen is not None
    assert seen.wire is stored.wire


def test_nothing_is_packed_into_nothing() -> None:
    assert list(pack([])) == []


def test_no_random_mix_breaks_a_limit_or_loses_a_set() -> None:
    draw = random.Random(3)
    sizes = [draw.randrange(500 * 1024) for _ in range(60)]
    sets = [small(seq + 1, 1 + size % 70, size) for seq, size in enumerate(sizes)]
    packages = list(pack(sets))
    assert [one for package in packages for push in package.pushes for one in push] == [s.wire for s in sets]
    for package in packages:
        (push,) = package.pushes
        assert len(push) == 1 or package.patch_count <= MAX_PATCHES_PER_PUSH
        assert len(push) == 1 or len(encode_push(-1, b"\0\1", push)) <= MAX_PUSH_BYTES
