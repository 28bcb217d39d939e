"""Patch sets in the form in which they are pushed: made once, stored, shared, cut (spec 01, DESIGN "SQLite").

The framing of `SequencedPartialPatchSet` is written and read by hand: what is pushed is these very bytes
behind a field tag, and a partial view is put together from slices. Fields stand in the order of their
numbers, as protobuf itself would write them: sequence number, leaf index, header, signature, patches, proofs.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from google.protobuf.message import DecodeError

from minirelay.errors import MalformedInput
from minirelay.protocol.framing import bytes_field, bytes_head, number_field, varint, varint_at, zigzag
from minirelay.protocol.patch_set import VerifiedPatchSet
from minirelay.protocol.sizes import MAX_PART_BYTES, MAX_REPEATED_BYTES, MAX_SET_BYTES
from minirelay.protocol.wire_pb2 import SubscriptionPushRequest

_Message = SubscriptionPushRequest.SequencedPartialPatchSet

_SEQ, _LEAF_INDEX, _HEADER, _SIGNATURE, _PATCH, _PROOF = 0x08, 0x10, 0x1A, 0x22, 0x2A, 0x32
_SEQ_TAG, _HEADER_TAG, _SIGNATURE_TAG, _PATCH_TAG, _PROOF_TAG = (
    bytes((tag,)) for tag in (_SEQ, _HEADER, _SIGNATURE, _PATCH, _PROOF)
)
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
    header, signature = verified.header.raw, verified.signature
    parts = [_SEQ_TAG, varint(seq), _HEADER_TAG, varint(len(header)), header]
    parts += (_SIGNATURE_TAG, varint(len(signature)), signature)
    for patch in verified.patches:
        raw = patch.raw
        parts += (_PATCH_TAG, varint(len(raw)), raw)
    for proof in verified.proofs:
        parts += (_PROOF_TAG, varint(len(proof)), proof)
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
    return SetCutter(set_bytes).cut(leaves)


class Part(NamedTuple):
    """Some of the chosen patches of a set. next_leaf: the first that is not in it; None: these were all."""

    wire: bytes
    patch_count: int
    next_leaf: int | None


class SetCutter:
    """Cuts one whole set, from `encode_set`, again and again: its fields are looked for once."""

    def __init__(self, set_bytes: bytes) -> None:
        """set_bytes: from `encode_set`."""
        self._set_bytes = set_bytes
        _, seq_end = varint_at(set_bytes, 1)
        self._seq = set_bytes[:seq_end]
        signature_end = _behind(set_bytes, _behind(set_bytes, seq_end))
        self._signed = set_bytes[seq_end:signature_end]
        self._patches = _repeated(set_bytes, signature_end, _PATCH)
        self._proofs = _repeated(set_bytes, self._patches[-1], _PROOF)

    @property
    def count(self) -> int:
        """Count the patches."""
        return len(self._proofs) - 1

    def cut(self, leaves: Sequence[int]) -> bytes:
        """Leave only some patches in the set: see `cut`."""
        return self._set_bytes if len(leaves) == self.count else self._encode(leaves)

    def part(self, leaves: Iterable[int]) -> Part:
        """Take as many patches as fit into one part, or all if these are fewer.

        Each part repeats sequence number, header and signature, and says which leaf its first patch is.
        leaves: at least one leaf index, ascending; no more of them is asked for than the next part's first.
        """
        most_bytes = MAX_SET_BYTES if len(self._signed) <= MAX_REPEATED_BYTES else MAX_PART_BYTES
        taken: list[int] = []
        size = len(self._seq) + len(self._signed)
        for leaf in leaves:
            size += self._size_of(leaf) + (0 if taken else len(_leaf_field(leaf)))
            if size > most_bytes and taken:
                return Part(self._encode(taken), len(taken), leaf)
            taken.append(leaf)
        return Part(self._encode(taken), len(taken), None)

    def _encode(self, leaves: Sequence[int]) -> bytes:
        source, patches, proofs = self._set_bytes, self._patches, self._proofs
        parts = [self._seq, _leaf_field(leaves[0]), self._signed]
        parts += [source[patches[leaf] : patches[leaf + 1]] for leaf in leaves]
        parts += [source[proofs[leaf] : proofs[leaf + 1]] for leaf in leaves]
        return b"".join(parts)

    def _size_of(self, leaf: int) -> int:
        patches, proofs = self._patches, self._proofs
        return patches[leaf + 1] - patches[leaf] + proofs[leaf + 1] - proofs[leaf]


def encode_push(request_id: int, subscription_id: bytes, sets: Sequence[bytes]) -> bytes:
    """Make the envelope that pushes these sets, which are from `encode_set` or cut from such.

    request_id: the relay's own, so negative. subscription_id: 2 bytes.
    """
    parts = [bytes_field(_SUBSCRIPTION_ID, subscription_id)]
    for set_bytes in sets:
        parts.append(bytes_head(_SET, len(set_bytes)))
        parts.append(set_bytes)
    head = bytes_field(_REQUEST_ID, number_field(_RAW, zigzag(request_id)))
    return b"".join([head, bytes_head(_PUSH, sum(map(len, parts))), *parts])


def _leaf_field(leaf: int) -> bytes:
    return number_field(_LEAF_INDEX, leaf) if leaf else b""


def _behind(data: bytes, at: int) -> int:
    """Find the end of the bytes field that begins here."""
    size, start = varint_at(data, at + 1)
    return start + size


def _repeated(data: bytes, at: int, tag: int) -> "array[int]":
    """Find where the bytes fields with this tag begin, from here on, and where the last one ends."""
    marks = array("I", (at,))
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
