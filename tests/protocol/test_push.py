"""The pushed form: encoded once, cut and split by hand, read by protobuf."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol import wire_pb2 as wire
from minirelay.protocol.envelope import SubscriptionPushRequest, decode_envelope
from minirelay.protocol.mmr import leaf_index, most_proof_bytes, verify_proof
from minirelay.protocol.patch_set import VerifiedPatchSet, open_patch_set
from minirelay.protocol.push import (
    SequencedPartialPatchSet,
    SetCutter,
    cut,
    decode_set,
    encode_push,
    encode_set,
)
from minirelay.protocol.sizes import MAX_FRAME_BYTES, MAX_PATCHES_PER_SET, MAX_SET_BYTES, most_patch_bytes

from .sets import a_patch, sealed, signed, verified
from .strategies import STEADY
from .vectors import case

FEW = verified(9, size=150)
FEW_BYTES = encode_set(4711, FEW)


def whole(seq: int, patch_set: VerifiedPatchSet) -> SequencedPartialPatchSet:
    """What a subscriber who may see all of a set is pushed."""
    return SequencedPartialPatchSet(
        seq,
        0,
        patch_set.header.raw,
        patch_set.signature,
        tuple(patch.raw for patch in patch_set.patches),
        patch_set.proofs,
    )


def as_protobuf_writes(pushed: SequencedPartialPatchSet) -> bytes:
    return wire.SubscriptionPushRequest.SequencedPartialPatchSet(
        shop_seq_no=pushed.seq,
        patch_leaf_index=pushed.leaf_index,
        header=pushed.header,
        signature=pushed.signature,
        patches=pushed.patches,
        proofs=pushed.proofs,
    ).SerializeToString()


@pytest.mark.parametrize("seq", [1, 127, 128, 2**31, 2**63])
@pytest.mark.parametrize(("count", "size"), [(1, 0), (1, 1), (2, 100), (3, 130), (64, 20), (5, 20_000)])
def test_a_set_is_encoded_like_protobuf_encodes_it(seq: int, count: int, size: int) -> None:
    patch_set = verified(count, size)
    encoded = encode_set(seq, patch_set)
    assert encoded == as_protobuf_writes(whole(seq, patch_set))
    assert decode_set(encoded) == whole(seq, patch_set)


def test_vector_is_pushed_as_it_stands() -> None:
    data = bytes.fromhex(case("envelopes", "subscription push")["bytes"])
    envelope = decode_envelope(data)
    assert isinstance(envelope.message, SubscriptionPushRequest)
    sets = [as_protobuf_writes(pushed) for pushed in envelope.message.sets]
    assert encode_push(envelope.request_id, envelope.message.subscription_id, sets) == data


@given(st.sets(st.integers(0, 8), min_size=1).map(sorted))
@STEADY
def test_a_cut_holds_the_chosen_leaves_with_their_proofs(leaves: list[int]) -> None:
    pushed = decode_set(cut(FEW_BYTES, leaves))
    everything = whole(4711, FEW)
    assert pushed == SequencedPartialPatchSet(
        4711,
        leaves[0],
        everything.header,
        everything.signature,
        tuple(everything.patches[leaf] for leaf in leaves),
        tuple(everything.proofs[leaf] for leaf in leaves),
    )
    assert cut(FEW_BYTES, leaves) == as_protobuf_writes(pushed)
    for leaf, patch, proof in zip(leaves, pushed.patches, pushed.proofs, strict=True):
        assert verify_proof(patch, proof, FEW.header.root_hash) == leaf


def test_a_cut_of_all_leaves_is_the_same_object() -> None:
    assert cut(FEW_BYTES, range(9)) is FEW_BYTES
    single = encode_set(1, verified(1))
    assert cut(single, [0]) is single


@pytest.mark.parametrize("size", [0, 20, 90, 100, 120, 127, 128, 5_000, 16_300, 16_384, 70_000])
def test_every_length_of_a_patch_can_be_cut_out(size: int) -> None:
    patch_set = verified(3, size)
    for leaf in range(3):
        pushed = decode_set(cut(encode_set(1, patch_set), [leaf]))
        assert pushed.patches == (patch_set.patches[leaf].raw,)
        assert pushed.proofs == (patch_set.proofs[leaf],)


@pytest.mark.parametrize("length", [127, 128, 129, 255, 256, 16383, 16384, 16385, 32768, 2**21])
def test_every_length_of_a_field_is_stepped_over(length: int) -> None:
    # The bytes are no patches, and need not be: to the framing they are bytes of some length.
    fields = SequencedPartialPatchSet(
        5, 0, b"h" * length, b"s" * 65, (b"a" * length, b"b" * length), (b"c" * length, b"d")
    )
    assert decode_set(cut(as_protobuf_writes(fields), [1])) == SequencedPartialPatchSet(
        5, 1, fields.header, fields.signature, fields.patches[1:], fields.proofs[1:]
    )


def parts_of(encoded: bytes, leaves: Sequence[int]) -> list[bytes]:
    """Divide a set, one part after the other, each found from where the one before it ended."""
    cutter = SetCutter(encoded)
    parts = []
    place: int | None = 0
    while place is not None:
        asked = Asked(leaves[place:])
        part = cutter.part(asked)
        assert part.wire == cutter.cut(leaves[place : place + part.patch_count])
        # No more is looked at than what is in it, and the one that is not.
        assert asked.count == part.patch_count + (part.next_leaf is not None)
        parts.append(part.wire)
        place = None if part.next_leaf is None else place + part.patch_count
        assert place is None or leaves[place] == part.next_leaf
    return parts


class Asked:
    """Leaves that are counted when somebody asks for them."""

    def __init__(self, leaves: Sequence[int]) -> None:
        self._leaves = leaves
        self.count = 0

    def __iter__(self) -> Iterator[int]:
        for leaf in self._leaves:
            self.count += 1
            yield leaf


@pytest.mark.parametrize("surplus", [0, 1])
def test_a_set_up_to_the_limit_is_not_split(surplus: int) -> None:
    size = MAX_SET_BYTES // 4
    missing = MAX_SET_BYTES - len(encode_set(1, verified(4, size - 1000)))
    patches = [a_patch(number, size - 1000 + missing // 4) for number in range(3)]
    patches.append(a_patch(3, size - 1000 + missing // 4 + missing % 4 + surplus))
    encoded = encode_set(1, open_patch_set(sealed(patches)))
    assert len(encoded) == MAX_SET_BYTES + surplus
    parts = parts_of(encoded, range(4))
    assert len(parts) == 1 + surplus
    assert surplus or parts == [encoded]


def check_parts(
    encoded: bytes, leaves: Sequence[int], patch_set: VerifiedPatchSet
) -> list[SequencedPartialPatchSet]:
    parts = parts_of(encoded, leaves)
    assert all(len(part) <= MAX_SET_BYTES for part in parts)
    pushed = [decode_set(part) for part in parts]
    seen = []
    for part, partial in zip(parts, pushed, strict=True):
        assert part == as_protobuf_writes(partial)
        assert partial.leaf_index == leaf_index(partial.proofs[0])
        assert (partial.header, partial.signature) == (patch_set.header.raw, patch_set.signature)
        for patch, proof in zip(partial.patches, partial.proofs, strict=True):
            seen.append(verify_proof(patch, proof, patch_set.header.root_hash))
    assert seen == list(leaves)
    return pushed


def test_a_set_beyond_the_limit_is_split_into_full_parts() -> None:
    patch_set = verified(300, 10_000)
    pushed = check_parts(encode_set(9, patch_set), range(300), patch_set)
    assert {partial.seq for partial in pushed} == {9}
    assert len(pushed) == 4
    assert pushed[1].leaf_index == len(pushed[0].patches)


def test_a_set_is_split_by_what_is_chosen_of_it() -> None:
    patch_set = verified(400, 10_000)
    encoded = encode_set(9, patch_set)
    odd = range(1, 400, 2)
    pushed = check_parts(encoded, odd, patch_set)
    assert pushed[0].leaf_index == 1
    assert pushed[1].leaf_index == odd[len(pushed[0].patches)]
    assert parts_of(encoded, odd[:50]) == [cut(encoded, odd[:50])]


def test_proofs_count_when_a_set_is_split() -> None:
    patch_set = verified(4096, 10)
    encoded = encode_set(1, patch_set)
    assert sum(len(patch.raw) for patch in patch_set.patches) < MAX_SET_BYTES < len(encoded)
    assert len(check_parts(encoded, range(4096), patch_set)) > 1


def test_the_largest_patches_fill_a_part_each() -> None:
    room = most_patch_bytes(len(FEW.header.raw), 65, most_proof_bytes(2))
    frame = len(verified(1, 70_000).patches[0].raw) - 70_000
    patch_set = verified(2, room - frame)
    pushed = check_parts(encode_set(2**64 - 1, patch_set), [0, 1], patch_set)
    assert [partial.leaf_index for partial in pushed] == [0, 1]


def test_the_largest_set_is_split_and_cut() -> None:
    patch_set = verified(MAX_PATCHES_PER_SET, 0)
    encoded = encode_set(1, patch_set)
    check_parts(encoded, range(MAX_PATCHES_PER_SET), patch_set)
    last = MAX_PATCHES_PER_SET - 1
    assert decode_set(cut(encoded, [last])).leaf_index == last


def framed(header_bytes: int, patch_bytes: Sequence[int]) -> bytes:
    """Encode a set with fields of these lengths. They are no patches: to the framing they are bytes."""
    proof_bytes = most_proof_bytes(len(patch_bytes))
    fields = SequencedPartialPatchSet(
        2**40,
        0,
        bytes(header_bytes),
        bytes(65),
        tuple(map(bytes, patch_bytes)),
        (bytes(proof_bytes),) * len(patch_bytes),
    )
    return as_protobuf_writes(fields)


@st.composite
def framed_sets(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Draw a set such as a log may hold, and leaves of it. No patch is too large to be pushed alone."""
    header = draw(st.sampled_from([60, 160, 1024, 2000, 3000, 100_000, 500_000, 780_000, 920_000]))
    count = draw(st.sampled_from([1, 2, 3, 7, 40, 500, 2000]))
    most = most_patch_bytes(header, 65, most_proof_bytes(count))
    total = min(2**21 - header, most * count)
    shares = draw(st.lists(st.integers(0, 100), min_size=count, max_size=count) if count < 50 else st.none())
    weights = shares or [1] * count
    sizes = [max(1, min(most, total * weight // max(1, sum(weights)))) for weight in weights]
    step = draw(st.sampled_from([1, 1, 2, 5]))
    return framed(header, sizes), list(range(0, count, step))


@given(framed_sets())
@STEADY
def test_what_is_pushed_of_a_set_is_bounded_by_what_it_is(drawn: tuple[bytes, list[int]]) -> None:
    encoded, leaves = drawn
    parts = parts_of(encoded, leaves)
    header = len(decode_set(encoded).header)
    pushed = sum(map(len, parts))
    if header <= 1024:
        assert pushed <= 1.01 * len(encoded) + 2048
        assert all(len(part) <= MAX_SET_BYTES for part in parts)
    else:
        # At worst the header takes 776 KiB, and each patch just as much that no two fit with it.
        assert pushed <= 16 * len(encoded) + 2048
    assert all(len(encode_push(-(2**63), b"\xff\xff", [part])) < MAX_FRAME_BYTES for part in parts)


def test_at_worst_a_large_header_is_pushed_with_every_patch() -> None:
    header = 775 * 1024
    patch = most_patch_bytes(header, 65, most_proof_bytes(10))
    encoded = framed(header, [patch] * 10)
    parts = parts_of(encoded, range(10))
    assert len(parts) == 10
    assert 4 * len(encoded) < sum(map(len, parts)) < 5 * len(encoded)


def test_a_set_with_a_large_header_comes_in_few_parts() -> None:
    header = 918_000
    for count, most in ((1500, 6), (MAX_PATCHES_PER_SET, 70)):
        encoded = framed(header, [50] * count)
        parts = parts_of(encoded, range(count))
        assert len(parts) <= most
        assert sum(map(len, parts)) < 9 * len(encoded)


@given(st.integers(-(2**63), -1), st.binary(max_size=4), st.lists(st.integers(0, 2), max_size=6))
@STEADY
def test_a_push_is_an_envelope_around_the_very_bytes(request_id: int, name: bytes, choice: list[int]) -> None:
    sets = [(FEW_BYTES, encode_set(1, FEW), cut(FEW_BYTES, [3]))[number] for number in choice]
    data = encode_push(request_id, name, sets)
    envelope = decode_envelope(data)
    assert envelope.request_id == request_id
    assert envelope.message == SubscriptionPushRequest(name, tuple(map(decode_set, sets)))
    if name:
        assert wire.Envelope.FromString(data).SerializeToString() == data


@pytest.mark.parametrize("data", [b"\xff", b"\x1a\x05a", b"\x08"])
def test_bytes_that_are_no_set_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        decode_set(data)


def test_sets_as_received_are_pushed_as_received() -> None:
    # A client's own order of keys and form of numbers goes through unchanged.
    leaf = bytes.fromhex(
        "a264506174688268" + b"Listings".hex() + "1b0000000000000001" + "624f70" + "66" + b"remove".hex()
    )
    patch_set = open_patch_set(signed([leaf]))
    assert decode_set(encode_set(1, patch_set)).patches == (leaf,)
    assert sealed([a_patch(0)]) != signed([leaf])
