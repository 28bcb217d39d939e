"""Pushed patch sets, from what the relay says to what was proved (spec 02 "Root hash", "Signature").

And how far a subscriber has come with them: what of a set is new, and whether anything is missing. Sequence
numbers have no gaps in the log but those of a restore (spec 05, 09), which are known by their numbers, and
the proof of the last patch of a set says that it is the last: all that lies to its right in the tree is
padding. So a subscriber who sees everything can tell that it does, and one who had something withheld, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import compress, pairwise
from typing import Final, NamedTuple, cast, final

import msgspec

from minirelay.client.errors import VerificationFailed
from minirelay.errors import MalformedInput, Refusal
from minirelay.protocol.cbor import decode
from minirelay.protocol.gaps import may_follow
from minirelay.protocol.header import Header
from minirelay.protocol.ids import show_shop
from minirelay.protocol.mmr import leaf_index, node_index, verify_proof
from minirelay.protocol.patch_set import Patch, decode_header, decode_patch
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import recover
from minirelay.shop.access import Role, may_see


class Position(NamedTuple):
    """Everything up to and including a leaf of a patch set is known; with leaf None, all of that set.

    A set of more than 900 KiB arrives in parts, so the last one may be known by half. The relay can only be
    asked for what comes after a whole set: `start` is then the number before it, and what is known is left
    out by number and leaf.
    """

    seq: int = 0
    leaf: int | None = None

    @property
    def start(self) -> int:
        """Return the `start_shop_seq_no` of the subscription that goes on from here."""
        return self.seq if self.leaf is None else self.seq - 1

    def covers(self, seq: int, leaf: int) -> bool:
        """Return whether this leaf of that set is known."""
        if seq != self.seq:
            return seq < self.seq
        return self.leaf is None or leaf <= self.leaf


BEGINNING = Position()
"""Nothing is known yet."""


MAX_SEQ: Final = 2**63 - 1


@final
@dataclass(frozen=True, slots=True, init=False)
class ReceivedSet:
    """A patch set, or the part of it that this subscriber sees, whose proofs and signature hold.

    Only `open_received` makes them. seq: its number in the shop's log, from 1 on. leaves: which leaf of the
    set each patch is, ascending. signer: the recovered key, 33 bytes. signed_as: CLERK, GUEST or RELAY if
    it was checked that the signer is one, else None. last_proof: of the last patch here.
    """

    seq: int
    leaves: tuple[int, ...]
    header: Header
    signer: bytes
    patches: tuple[Patch, ...]
    last_proof: bytes
    signed_as: Role | None

    def __init__(self) -> None:
        """Refuse: see `open_received`."""
        raise TypeError("a ReceivedSet is made by open_received() alone")

    @property
    def leaf_index(self) -> int:
        """Return the leaf of the first patch."""
        return self.leaves[0]

    def with_role(self, role: Role) -> "ReceivedSet":
        """Return the set with the role that its signer signed in; the caller has checked it."""
        fields = [getattr(self, name) for name in ReceivedSet.__slots__]
        return _make(*fields[:-1], role)


def open_received(pushed: SequencedPartialPatchSet, shop_id: int) -> ReceivedSet:
    """Verify a pushed set: each patch is proved to lie under the header's root hash, the signer is recovered.

    shop_id: the shop that was subscribed to. Who may sign is another question. Raises VerificationFailed.
    """
    try:
        header = decode_header(pushed.header)
        patches = tuple(map(decode_patch, pushed.patches))
        leaves = _prove(pushed, header.root_hash)
        signer = recover(pushed.header, pushed.signature)
    except (Refusal, MalformedInput) as error:
        raise VerificationFailed(pushed.seq, str(error)) from error
    if not 1 <= pushed.seq <= MAX_SEQ:
        raise VerificationFailed(pushed.seq, "sequence numbers begin with 1")
    if header.shop_id != shop_id:
        raise VerificationFailed(
            pushed.seq, f"it was signed for shop {show_shop(header.shop_id)}, not for this one"
        )
    return _make(pushed.seq, leaves, header, signer, patches, pushed.proofs[-1], None)


def _make(*fields: object) -> ReceivedSet:
    received = object.__new__(ReceivedSet)
    for name, value in zip(ReceivedSet.__slots__, fields, strict=True):
        object.__setattr__(received, name, value)
    return received


def _prove(pushed: SequencedPartialPatchSet, root_hash: bytes) -> tuple[int, ...]:
    if not pushed.patches:
        raise MalformedInput("no patches")
    if len(pushed.patches) != len(pushed.proofs):
        raise MalformedInput(f"{len(pushed.proofs)} proofs for {len(pushed.patches)} patches")
    leaves = tuple(
        verify_proof(patch, proof, root_hash)
        for patch, proof in zip(pushed.patches, pushed.proofs, strict=True)
    )
    if leaves[0] != pushed.leaf_index:
        raise MalformedInput(f"the first patch is leaf {leaves[0]}, not {pushed.leaf_index}")
    if any(one >= following for one, following in pairwise(leaves)):
        raise MalformedInput("the patches are not in the order of their leaves")
    return leaves


def without_known(pushed: SequencedPartialPatchSet, position: Position) -> SequencedPartialPatchSet | None:
    """Leave out what is known at a position; None if that is all. Raises MalformedInput: a proof is none."""
    if pushed.seq > position.seq:
        return pushed
    if pushed.seq < position.seq or position.leaf is None:
        return None
    known = position.leaf
    return _pick(pushed, [leaf_index(proof) > known for proof in pushed.proofs])


def only_public(pushed: SequencedPartialPatchSet) -> SequencedPartialPatchSet | None:
    """Leave out what a visitor does not see; None if that is all. Raises Refusal, MalformedInput."""
    types = (decode_patch(patch).object_type for patch in pushed.patches)
    return _pick(pushed, [may_see(Role.VISITOR, object_type, owns=False) for object_type in types])


def _pick(pushed: SequencedPartialPatchSet, wanted: Sequence[bool]) -> SequencedPartialPatchSet | None:
    if all(wanted):
        return pushed
    patches = tuple(compress(pushed.patches, wanted))
    proofs = tuple(compress(pushed.proofs, wanted))
    if not patches or not proofs:
        return None
    return msgspec.structs.replace(pushed, leaf_index=leaf_index(proofs[0]), patches=patches, proofs=proofs)


_PADDING = sha256(b"").digest()


class Completeness:
    """Follows one unfiltered subscription. first_gap: what was missing first, in words; None: nothing."""

    def __init__(self, position: Position = BEGINNING, is_complete: bool = True) -> None:
        """position: where the subscription begins. is_complete: nothing is missing up to there."""
        self.first_gap = None if is_complete else f"something up to patch set {position.seq}"
        self._seq = position.seq
        self._next_leaf = None if position.leaf is None else position.leaf + 1

    @property
    def is_whole(self) -> bool:
        """Return whether all sets up to the last one were received in full, that one included."""
        return self.first_gap is None and self._next_leaf is None

    @property
    def position(self) -> Position:
        """Return how far the log was received."""
        return Position(self._seq, None if self._next_leaf is None else self._next_leaf - 1)

    def add(self, received: ReceivedSet) -> None:
        """Take note of what was received. It comes in the order of the log, nothing of it twice."""
        if self.first_gap is None:
            self.first_gap = self._gap_before(received)
        is_over = is_last_leaf(received.last_proof, received.leaves[-1])
        self._seq = received.seq
        self._next_leaf = None if is_over else received.leaves[-1] + 1

    def _gap_before(self, received: ReceivedSet) -> str | None:
        if self._next_leaf is not None and received.seq != self._seq:
            return f"the end of patch set {self._seq}"
        if self._next_leaf is None and not may_follow(received.seq, self._seq):
            return f"patch set {self._seq + 1}"
        expected = self._next_leaf or 0
        for leaf in received.leaves:
            if leaf != expected:
                return f"leaf {expected} of patch set {received.seq}"
            expected += 1
        return None


def is_last_leaf(proof: bytes, leaf: int) -> bool:
    """Return whether only padding follows a leaf in its tree.

    proof: one that was verified. leaf: the index that it proves.
    """
    _, _, siblings = cast(tuple[int, int, list[bytes]], decode(proof))
    return all(
        sibling == _padding(leaf >> height | 1, height)
        for height, sibling in enumerate(siblings)
        if not leaf >> height & 1
    )


@lru_cache(4096)
def _padding(index: int, height: int) -> bytes:
    """Hash a subtree of nothing but padding: node `index`, counted from 0, of the row at `height`."""
    if height == 0:
        return _PADDING
    position = node_index(((index + 1) << height) - 1) + height + 1
    return sha256(
        position.to_bytes(8) + _padding(2 * index, height - 1) + _padding(2 * index + 1, height - 1)
    ).digest()
