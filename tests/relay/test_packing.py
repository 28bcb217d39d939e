"""How sets become pushes: 64 patches or 768 KiB, larger ones alone, beyond 900 KiB in parts (spec 01)."""

import random
from datetime import UTC, datetime

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.push import decode_set, encode_push, encode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.protocol.sizes import MAX_PATCHES_PER_PUSH, MAX_PUSH_BYTES, MAX_SET_BYTES
from minirelay.relay.packing import Cursor, Push, VisibleSet, pack, see
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
    return StoredSet(seq, leaves, EMPTY_COUNTS, encode_set(seq, open_patch_set(sealed)), 1)


def shape(pushes: list[Push]) -> list[tuple[int, int]]:
    """Give of each push: how many sets, last sequence number."""
    return [(len(one.sets), one.cursor.seq) for one in pushes]


def test_up_to_64_patches_go_into_one_push() -> None:
    assert shape(list(pack(small(seq) for seq in range(1, 131)))) == [(64, 64), (64, 128), (2, 130)]


def test_sets_stay_whole() -> None:
    pushes = list(pack([small(1, 40), small(2, 30), small(3, 34)]))
    assert shape(pushes) == [(1, 1), (2, 3)]
    assert [one.patch_count for one in pushes] == [40, 64]


def test_a_push_is_at_most_768_kib() -> None:
    pushes = list(pack(small(seq, 1, 300 * 1024) for seq in range(1, 6)))
    assert shape(pushes) == [(2, 2), (2, 4), (1, 5)]
    assert all(len(encode_push(-1, b"\0\1", one.sets)) <= MAX_PUSH_BYTES for one in pushes)


def test_a_larger_set_goes_alone() -> None:
    pushes = list(pack([small(1), small(2, 200, 1000), small(3), small(4, 1, 800 * 1024), small(5)]))
    assert shape(pushes) == [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]


def test_a_set_beyond_900_kib_is_split() -> None:
    big = real(7, 40, 50_000)
    visible = see(View(everything=True), big)
    assert visible is not None
    (before, *middle, after) = pack([small(6), visible, small(8)])
    assert (before.cursor, after.cursor) == (Cursor(6), Cursor(8))
    assert sum(one.patch_count for one in middle) == 40
    parts = [decode_set(wire) for one in middle for wire in one.sets]
    assert len(parts) == len(middle) > 2
    assert [len(part.patches) for part in parts] == [one.patch_count for one in middle]
    assert all(len(wire) <= MAX_SET_BYTES for one in middle for wire in one.sets)
    assert [patch for part in parts for patch in part.patches] == list(decode_set(big.wire).patches)
    starts = [part.leaf_index for part in parts]
    assert starts[0] == 0
    assert starts == sorted(set(starts))


def test_whoever_has_some_parts_gets_the_others() -> None:
    visible = see(View(everything=True), real(7, 40, 50_000))
    assert visible is not None
    pushes = list(pack([visible, small(8)]))
    parts = len(pushes) - 1
    assert [one.cursor for one in pushes] == [
        *(Cursor(6, number) for number in range(1, parts)),
        Cursor(7),
        Cursor(8),
    ]
    for sent in range(1, parts):
        assert list(pack([visible, small(8)], sent)) == pushes[sent:]


def test_parts_are_of_the_first_set_only() -> None:
    first, second = (see(View(everything=True), real(seq, 40, 50_000)) for seq in (7, 8))
    assert first is not None
    assert second is not None
    assert len(list(pack([first, second], 1))) == len(list(pack([first, second]))) - 1


def test_a_frame_of_a_largest_part_fits_what_clients_accept() -> None:
    visible = see(View(everything=True), real(7, 40, 50_000))
    assert visible is not None
    for push in pack([visible]):
        assert len(encode_push(-(2**62), b"\0\1", push.sets)) < 1024 * 1024


def test_splitting_goes_by_what_the_subscriber_sees() -> None:
    big = real(7, 40, 50_000)
    few = see(View(objects=frozenset((ObjectType.LISTING, (n + 1).to_bytes(8)) for n in (3, 5))), big)
    assert few is not None
    assert few.patch_count == 2
    (push,) = pack([few])
    part = decode_set(push.sets[0])
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
    pushes = list(pack(sets))
    assert [one for push in pushes for one in push.sets] == [one.wire for one in sets]
    for push in pushes:
        assert len(push.sets) == 1 or push.patch_count <= MAX_PATCHES_PER_PUSH
        assert len(push.sets) == 1 or len(encode_push(-1, b"\0\1", push.sets)) <= MAX_PUSH_BYTES
