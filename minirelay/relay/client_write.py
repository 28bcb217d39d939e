"""A client's patch set on its way into the log: what it must satisfy to be accepted (spec 02, 05)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from minirelay.errors import Code, MinirelayError, Refusal, bare, invalid
from minirelay.protocol.patch_set import DecodedPatchSet, VerifiedPatchSet, decode_patch_set, verify
from minirelay.protocol.sizes import MAX_PATCHES_PER_SET
from minirelay.relay.client_policy import ClientPolicy
from minirelay.relay.messages import WriteRequest
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.access import Role
from minirelay.shop.object_sizes import ObjectLimits, check_sizes
from minirelay.shop.ownership import Author
from minirelay.shop.work import Work, WorkExceeded

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """What a client's patch set may ask for.

    clock_skew: how far its time may be ahead of the relay's clock. work: see `shop/work.py`. guest_patches:
    how many a guest's set may have; a clerk's has at most `MAX_PATCHES_PER_SET`.
    """

    clock_skew: timedelta
    objects: ObjectLimits
    work: int
    guest_patches: int


class ClientWrite(msgspec.Struct, eq=False):
    """A patch set from a session (spec 02, 05)."""

    request: WriteRequest
    now: Callable[[], datetime]
    limits: WriteLimits
    _decoded: DecodedPatchSet | Refusal | None = None
    _verified: VerifiedPatchSet | Refusal | None = None

    @property
    def size_bytes(self) -> int:
        """Give the length of the patch set."""
        return len(self.request.patch_set)

    @property
    def prepared(self) -> tuple[DecodedPatchSet | Refusal | None, VerifiedPatchSet | Refusal | None]:
        """Return what `decode` and `verify` came to, as long as it is held; None for what is not."""
        return self._decoded, self._verified

    def decode(self) -> None:
        """Decode the patch set."""
        if self._decoded is not None:
            # It was put back into the queue.
            return
        try:
            self._decoded = self._decode()
        except Refusal as refusal:
            self._decoded = bare(refusal)

    def _decode(self) -> DecodedPatchSet:
        limits, is_guest = self.limits, self.request.card.is_guest
        most_patches = limits.guest_patches if is_guest else MAX_PATCHES_PER_SET
        return decode_patch_set(self.request.patch_set, most_patches)

    def verify(self) -> None:
        """Recompute its root, recover its signer."""
        if self._verified is None and isinstance(self._decoded, DecodedPatchSet):
            try:
                self._verified = verify(self._decoded)
            except Refusal as refusal:
                self._verified = bare(refusal)

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        """Check header, signature and signer, then every patch, then what came of it."""
        prepared = self.prepared
        # The request waits for its commit, or that of another: as bytes only.
        self._decoded = self._verified = None
        work = Work(self.limits.work) if loop_work is None else loop_work
        try:
            return self._judge(head, work, *prepared)
        except WorkExceeded as error:
            if loop_work is not None:
                self._decoded, self._verified = prepared
                raise
            raise invalid(
                "this set touches too much at once, with what it refers to: make several of it"
            ) from error

    def _judge(
        self,
        head: ShopHead,
        work: Work,
        decoded_before: DecodedPatchSet | Refusal | None,
        verified_before: VerifiedPatchSet | Refusal | None,
    ) -> Accepted:
        card = self.request.card
        decoded = _or_raise(decoded_before or self._decode())
        entry = head.cards.get(card.public_key)
        if entry is None or entry.is_unlinked:
            raise Refusal(Code.UNLINKED_KEYCARD, "this key card was unlinked from its account")
        header = decoded.header
        if header.shop_id != head.row.shop_id:
            raise invalid(f"invalid header: this session writes to another shop than {header.shop_id}")
        if header.key_card_nonce <= entry.last_nonce:
            raise invalid(f"event nonce re-use: {header.key_card_nonce} is not above {entry.last_nonce}")
        if header.timestamp > self.now() + self.limits.clock_skew:
            raise invalid("invalid header: its timestamp lies in the future; check the clock")
        patch_set = _or_raise(verified_before or verify(decoded))
        if patch_set.signer != card.public_key:
            raise invalid("invalid signature: not by the key card of this session")
        author = Author(Role.GUEST if card.is_guest else Role.CLERK, card.row_id)
        pending = PendingSets(head)
        applied = pending.apply(author, patch_set, work, ClientPolicy())
        changed = [(one.object_type, one.key) for one in applied.changes]
        check_sizes(head.state, applied.state, changed, self.limits.objects)
        return pending.accepted()

    def stored(self, root_hash: bytes) -> None:
        """Answer with the root hash."""
        self.request.settle(root_hash)

    def refuse(self, error: MinirelayError) -> None:
        """Answer with the refusal."""
        if isinstance(error, Refusal):
            self.request.settle(error)
        else:
            self.request.settle(invalid("could not be stored, try again"))


def _or_raise(outcome: T | Refusal) -> T:
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome
