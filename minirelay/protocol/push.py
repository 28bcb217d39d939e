"""Patch sets in the form in which they are pushed: made once, stored, shared, cut (spec 01, DESIGN "SQLite").

The framing of `SequencedPartialPatchSet` is written and read by hand: what is pushed is these very bytes
behind a field tag, and a partial view is put together from slices. Fields stand in the order of their
numbers, as protobuf itself would write them: sequence number, leaf index, header, signature, patches, proofs.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from google.protobuf.message import DecodeError

from minirelay.errors import MalformedInput
from minirelay.protocol.framing import bytes_field, bytes_head, number_field, varint_at, zigzag
from minirelay.protocol.mmr import leaf_index
from minirelay.protocol.patch_set import VerifiedPatchSet
from minirelay.protocol.sizes import MAX_SET_BYTES
from minirelay.protocol.wire_pb2 import SubscriptionPushRequest

_Message = SubscriptionPushRequest.SequencedPartialPatchSet

_SEQ, _LEAF_INDEX, _HEADER, _SIGNATURE, _PATCH, _PROOF = 0x08, 0x10, 0x1A, 0x22, 0x2A, 0x32
_SUBSCRIPTION_ID, _SET = 0x0A, 0x12
_REQUEST_ID, _PUSH = 0x0A, 0x32
_RAW: Final = 0x08


class SequencedPartialPatchSet(msgspec.Struct, frozen=True):
    """What a subscriber sees of one patch set.

    leaf_index: the leaf of the first patch here. patches and proofs: as many of one as of the other.
    """

    seq: int
    leaf_index: int
    header: bytes
    signature: bytes
    patches: tuple[bytes, ...]
    proofs: tuple[bytes, ...]


def encode_set(seq: int, verified: VerifiedPatchSet) -> bytes:
    """Make the pushed form of a whole set. seq: its sequence number in the shop's log, from 1 on."""
    parts = [
        number_field(_SEQ, seq),
        bytes_field(_HEADER, verified.header.raw),
        bytes_field(_SIGNATURE, verified.signature),
    ]
    parts += [bytes_field(_PATCH, patch.raw) for patch in verified.patches]
    parts += [bytes_field(_PROOF, proof) for proof in verified.proofs]
    return b"".join(parts)


def decode_set(data: bytes) -> SequencedPartialPatchSet:
    """Read a pushed set. Raises MalformedInput."""
    try:
        return from_message(_Message.FromString(data))
    except DecodeError as error:
        raise MalformedInput("not a pushed patch set") from error


def from_message(message: _Message) -> SequencedPartialPatchSet:
    """Take a pushed set out of the generated type."""
    return SequencedPartialPatchSet(
        message.shop_seq_no,
        message.patch_leaf_index,
        message.header,
        message.signature,
        tuple(message.patches),
        tuple(message.proofs),
    )


def to_message(pushed: SequencedPartialPatchSet) -> _Message:
    """Put a pushed set into the generated type."""
    return _Message(
        shop_seq_no=pushed.seq,
        patch_leaf_index=pushed.leaf_index,
        header=pushed.header,
        signature=pushed.signature,
        patches=pushed.patches,
        proofs=pushed.proofs,
    )


def cut(set_bytes: bytes, leaves: Sequence[int]) -> bytes:
    """Leave only some patches in a whole set, each with its proof.

    set_bytes: from `encode_set`. leaves: at least one leaf index, ascending. Returns the same object if these
    are all.
    """
    layout = _Layout(set_bytes)
    if len(leaves) == layout.count:
        return set_bytes
    return layout.part(leaves[0], leaves)


def split(set_bytes: bytes) -> list[bytes]:
    """Divide a set, whole or cut, that is larger than MAX_SET_BYTES; any other comes back alone and as it is.

    Each part repeats sequence number, header and signature, and says which leaf its first patch is.
    """
    if len(set_bytes) <= MAX_SET_BYTES:
        return [set_bytes]
    layout = _Layout(set_bytes)
    return [layout.part(layout.leaf_index(run[0]), run) for run in layout.runs(MAX_SET_BYTES)]


def count_patches(set_bytes: bytes) -> int:
    """Count the patches in a set, whole or cut or a part."""
    return _Layout(set_bytes).count


def encode_push(request_id: int, subscription_id: bytes, sets: Sequence[bytes]) -> bytes:
    """Make the envelope that pushes these sets, which are from `encode_set`, `cut` or `split`.

    request_id: the relay's own, so negative. subscription_id: 2 bytes.
    """
    parts = [bytes_field(_SUBSCRIPTION_ID, subscription_id)]
    for set_bytes in sets:
        parts.append(bytes_head(_SET, len(set_bytes)))
        parts.append(set_bytes)
    head = bytes_field(_REQUEST_ID, number_field(_RAW, zigzag(request_id)))
    return b"".join([head, bytes_head(_PUSH, sum(map(len, parts))), *parts])


class _Layout:
    """Where the fields of an encoded set begin, tags and lengths included, and behind the last of them."""

    __slots__ = ("_patches", "_proofs", "_seq", "_set_bytes", "_signed", "count")

    def __init__(self, set_bytes: bytes) -> None:
        self._set_bytes = set_bytes
        _, seq_end = varint_at(set_bytes, 1)
        self._seq = set_bytes[:seq_end]
        header = varint_at(set_bytes, seq_end + 1)[1] if set_bytes[seq_end] == _LEAF_INDEX else seq_end
        signature_end = _behind(set_bytes, _behind(set_bytes, header))
        self._signed = set_bytes[header:signature_end]
        self._patches = _repeated(set_bytes, signature_end, _PATCH)
        self._proofs = _repeated(set_bytes, self._patches[-1], _PROOF)
        self.count = len(self._proofs) - 1

    def part(self, first_leaf: int, places: Sequence[int]) -> bytes:
        """Encode a set of only the patches at these places, the first of which is leaf `first_leaf`."""
        source, patches, proofs = self._set_bytes, self._patches, self._proofs
        leaf_field = number_field(_LEAF_INDEX, first_leaf) if first_leaf else b""
        parts = [self._seq, leaf_field, self._signed]
        parts += [source[patches[place] : patches[place + 1]] for place in places]
        parts += [source[proofs[place] : proofs[place + 1]] for place in places]
        return b"".join(parts)

    def leaf_index(self, place: int) -> int:
        """Say which leaf of the whole set the patch at this place is."""
        end = self._proofs[place + 1]
        _, start = varint_at(self._set_bytes, self._proofs[place] + 1)
        return leaf_index(self._set_bytes[start:end])

    def runs(self, most_bytes: int) -> Iterator[range]:
        """Divide the places so that the part made of each run has at most this many bytes, or one patch."""
        fixed = len(self._seq) + (1 + 5) + len(self._signed)
        start = 0
        size = fixed
        for place in range(self.count):
            pair = self._size_of(place)
            if size + pair > most_bytes and place > start:
                yield range(start, place)
                start = place
                size = fixed
            size += pair
        yield range(start, self.count)

    def _size_of(self, place: int) -> int:
        patches, proofs = self._patches, self._proofs
        return patches[place + 1] - patches[place] + proofs[place + 1] - proofs[place]


def _behind(data: bytes, at: int) -> int:
    """Find the end of the bytes field that begins here."""
    size, start = varint_at(data, at + 1)
    return start + size


def _repeated(data: bytes, at: int, tag: int) -> list[int]:
    """Find where the bytes fields with this tag begin, from here on, and where the last one ends."""
    marks = [at]
    end = len(data)
    while at < end and data[at] == tag:
        size = data[at + 1]
        if size < 0x80:
            at += 2 + size
        elif (high := data[at + 2]) < 0x80:
            at += 3 + (size & 0x7F | high << 7)
        else:
            at = _behind(data, at)
        marks.append(at)
    return marks
