"""How sets become pushes: 64 patches or 768 KiB, larger ones alone (spec 01)."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.push import cut, decode_set, encode_push, encode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.protocol.sizes import MAX_PATCHES_PER_PUSH, MAX_PUSH_BYTES
from minirelay.relay.packing import Cursor, Push, VisibleSet, pack, see
from minirelay.shop.access import Role
from minirelay.shop.visibility import view_of
from minirelay.store.messages import EMPTY_COUNTS, Leaf, StoredSet, TypedSet

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
    """Return the number of sets and the last sequence number of each push."""
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


def test_pushes_are_made_when_they_are_asked_for() -> None:
    asked: list[int] = []

    def sets() -> Iterator[VisibleSet]:
        for seq in range(1, 1001):
            asked.append(seq)
            yield small(seq)

    pushes = pack(sets())
    for number in (1, 2, 3):
        assert next(pushes).cursor == Cursor(64 * number)
        assert len(asked) == 64 * number + 1


def test_a_partly_visible_set_is_cut_with_header_and_signature_untouched() -> None:
    whole = real(3, 5, 10)
    seen = see(view_of(Role.VISITOR, types=(), objects={(ObjectType.LISTING, (2).to_bytes(8))}), whole)
    assert seen is not None
    cut, full = decode_set(seen.wire), decode_set(whole.wire)
    assert (cut.header, cut.signature, cut.seq) == (full.header, full.signature, full.seq)
    assert (cut.patches, cut.proofs) == (full.patches[1:2], full.proofs[1:2])
    assert cut.leaf_index == 1


def test_a_set_of_which_nothing_is_visible_is_nothing() -> None:
    assert see(view_of(Role.VISITOR, types={ObjectType.TAG}), real(3, 2, 10)) is None


def test_a_wholly_visible_set_is_the_stored_object() -> None:
    stored = real(3, 2, 10)
    seen = see(view_of(Role.CLERK), stored)
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


def test_what_types_tell_of_a_set_is_believed_and_the_rest_asked() -> None:
    view = view_of(Role.VISITOR)
    stored = real(7, 3, 10)
    whole = TypedSet(7, 3, True, (), stored.wire)
    asked = TypedSet(7, 3, False, stored.leaves, stored.wire)
    assert see(view, whole) == see(view, asked) == see(view, stored) == VisibleSet(7, 3, stored.wire)
    hidden = (Leaf(ObjectType.INVENTORY, bytes(8)), *stored.leaves[1:])
    assert see(view, TypedSet(7, 3, False, hidden, stored.wire)) == VisibleSet(7, 2, cut(stored.wire, [1, 2]))
    assert see(view, TypedSet(7, 3, False, (), b"")) is None
