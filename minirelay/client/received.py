"""Pushed patch sets, from what the relay says to what was proved (spec 02 "Root hash", "Signature")."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, final

from minirelay.client.errors import VerificationFailed
from minirelay.errors import MalformedInput, Refusal
from minirelay.protocol.header import Header
from minirelay.protocol.ids import show_shop
from minirelay.protocol.mmr import verify_proof
from minirelay.protocol.patch_set import Patch, decode_header, decode_patch
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import recover
from minirelay.shop.access import Role

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
        """Give the leaf of the first patch."""
        return self.leaves[0]

    def with_role(self, role: Role) -> "ReceivedSet":
        """Say as what the signer signed; who says so has checked it."""
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
