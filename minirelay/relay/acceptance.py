"""What the sequencer does with each kind of request: judge it on the head, then enter it.

`decode` and `verify` need no head: the sequencer does each for several requests in a row. `judge` reads and
may run beside the event loop; `enter` changes the head and runs on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import msgspec

from minirelay.errors import Code, MinirelayError, Refusal, invalid
from minirelay.protocol.cbor import Value
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import (
    DecodedPatchSet,
    NewPatch,
    VerifiedPatchSet,
    decode_patch_set,
    open_patch_set,
    seal_patch_set,
    verify,
)
from minirelay.protocol.push import encode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.protocol.sizes import MAX_PATCHES_PER_SET
from minirelay.relay.enrolment import CardAlreadyEnrolled, FirstCardIsGuest, GuestCeilingReached
from minirelay.relay.judgement import NOBODY, Author, judge
from minirelay.relay.messages import Enrolment, WriteRequest
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.access import Role
from minirelay.shop.object_sizes import ObjectLimits, check_sizes
from minirelay.shop.work import Work, WorkExceeded
from minirelay.store.messages import Commit, KeyCard

T = TypeVar("T")

GUEST_WALLET = bytes(20)
NATIVE_COIN = bytes(20)


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """What a client's patch set may ask for.

    clock_skew: how far its time may be ahead of the relay's clock. work: see `shop/work.py`. guest_patches:
    how many a guest's set may have; a clerk's has at most `MAX_PATCHES_PER_SET`.
    """

    clock_skew: timedelta = timedelta(minutes=5)
    objects: ObjectLimits = field(default_factory=ObjectLimits)
    work: int = 24_000_000
    guest_patches: int = 1024


class Request(Protocol):
    """Something that may become the next set of a shop's log."""

    @property
    def size_bytes(self) -> int:
        """Tell how much there is to decode and to verify; what `judge` costs, `Work` counts."""

    def decode(self) -> None:
        """Prepare `judge`, the first step. What it has against the request, `judge` says."""

    def verify(self) -> None:
        """Prepare `judge`, the second step, after `decode`."""

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        """Judge it, changing nothing; prepared or not. Raises a MinirelayError that `refuse` takes.

        loop_work: what may be done on the event loop; beyond it WorkExceeded is raised, and it is judged
        again beside the loop. None: this is beside it.
        """

    def enter(self, head: ShopHead, accepted: Accepted) -> Commit:
        """Enter it in the head."""

    def stored(self, root_hash: bytes) -> None:
        """Tell whoever asked that it is done and durable."""

    def refuse(self, error: MinirelayError) -> None:
        """Tell whoever asked that it was not done: a refusal, or a StoreError if it could not be stored."""


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

    def decode(self) -> None:
        """Decode the patch set."""
        if self._decoded is not None:
            # It was put back into the queue.
            return
        try:
            self._decoded = self._decode()
        except Refusal as refusal:
            self._decoded = refusal

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
                self._verified = refusal

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        """Check header, signature and signer, then every patch, then what came of it."""
        prepared = self._decoded, self._verified
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
        accepted = accept(head, author, patch_set, work)
        changed = [(row.object_type, row.key) for row in accepted.judgement.changes]
        check_sizes(head.state, accepted.judgement.state, changed, self.limits.objects)
        return accepted

    def enter(self, head: ShopHead, accepted: Accepted) -> Commit:
        """Append it to the log."""
        return head.enter(accepted, head.cards[self.request.card.public_key])

    def stored(self, root_hash: bytes) -> None:
        """Answer with the root hash."""
        self.request.settle(root_hash)

    def refuse(self, error: MinirelayError) -> None:
        """Answer with the refusal."""
        if isinstance(error, Refusal):
            self.request.settle(error)
        else:
            self.request.settle(invalid("could not be stored, try again"))


class CardEnrolment(msgspec.Struct, frozen=True):
    """A key card's enrolment, as the relay's own patch set (spec 05, "Enrolling a key card").

    card_row: the row id that the card gets. settle: called once with None or the error.
    """

    enrolment: Enrolment
    card_row: int
    relay_key: PrivateKey
    registry_chain: int
    guest_card_ceiling: int
    now: Callable[[], datetime]
    settle: Callable[[MinirelayError | None], None]

    @property
    def size_bytes(self) -> int:
        """Give a small number: it is a patch or two."""
        return 0

    def decode(self) -> None:
        """Do nothing: what is made here is sound."""

    def verify(self) -> None:
        """Do nothing: it can be signed only when the nonce is known."""

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        """Make and judge the patch set that adds the card to its account."""
        wanted = self.enrolment
        if wanted.key_card in head.cards:
            raise CardAlreadyEnrolled("this key card is enrolled already")
        if wanted.is_guest and head.seq == 0:
            raise FirstCardIsGuest("the first key card of a shop must be a clerk's")
        if wanted.is_guest and head.guest_cards >= self.guest_card_ceiling:
            raise GuestCeilingReached("this shop has as many guests as this relay allows")
        sealed = seal_patch_set(
            self._patches(head),
            shop_id=wanted.shop_id,
            key_card_nonce=head.relay_nonce + 1,
            timestamp=self.now(),
            key=self.relay_key,
        )
        patch_set = open_patch_set(sealed)
        return accept(head, Author(Role.RELAY, NOBODY), patch_set, loop_work)

    def enter(self, head: ShopHead, accepted: Accepted) -> Commit:
        """Append the patch set, and enter the card."""
        wanted = self.enrolment
        commit = head.enter(accepted, None)
        card = KeyCard(
            row_id=self.card_row,
            public_key=wanted.key_card,
            shop=head.row.row_id,
            wallet=wanted.wallet,
            is_guest=wanted.is_guest,
            last_nonce=0,
            is_unlinked=False,
            # As in the log: `verify` compares the two.
            enrolled_at=int(accepted.header.timestamp.timestamp()),
        )
        return head.enrol(commit, card)

    def stored(self, root_hash: bytes) -> None:  # noqa: ARG002  (nobody asked for the root)
        """Report the success."""
        self.settle(None)

    def refuse(self, error: MinirelayError) -> None:
        """Report the error."""
        self.settle(error)

    def _patches(self, head: ShopHead) -> list[NewPatch]:
        wanted = self.enrolment
        wallet = GUEST_WALLET if wanted.is_guest else wanted.wallet
        patches = [] if head.seq else [NewPatch("replace", ("Manifest",), self._manifest())]
        if head.state.get(ObjectType.ACCOUNT, wallet) is None:
            account: Value = {"KeyCards": [wanted.key_card], "Guest": wanted.is_guest}
            patches.append(NewPatch("add", ("Accounts", wallet), account))
        else:
            patches.append(NewPatch("append", ("Accounts", wallet, "KeyCards"), wanted.key_card))
        return patches

    def _manifest(self) -> Value:
        return {
            "ShopID": self.enrolment.shop_id,
            "Payees": {},
            "AcceptedCurrencies": {},
            "PricingCurrency": {"ChainID": self.registry_chain, "Address": NATIVE_COIN},
            "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
        }


def _or_raise(outcome: T | Refusal) -> T:
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def accept(head: ShopHead, author: Author, patch_set: VerifiedPatchSet, work: Work | None = None) -> Accepted:
    """Judge a patch set as the next one of the log, and make its pushed form.

    work: see `judge`. Raises Refusal, WorkExceeded.
    """
    judgement = judge(head.state, head.owners, author, patch_set, work)
    wire = encode_set(head.next_seq, patch_set)
    return Accepted(judgement, wire, patch_set.header, patch_set.signer)


def utc_now() -> datetime:
    """Read the relay's clock."""
    return datetime.now(UTC)
