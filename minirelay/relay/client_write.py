"""A client's patch set on its way into the log: what it must satisfy, what it causes (spec 02, 05, 06)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from minirelay.errors import Code, MinirelayError, Refusal, bare, invalid
from minirelay.protocol.patch_set import DecodedPatchSet, VerifiedPatchSet, decode_patch_set, verify
from minirelay.protocol.signing import PrivateKey
from minirelay.protocol.sizes import MAX_PATCHES_PER_SET
from minirelay.relay.facts_source import FactsSource
from minirelay.relay.messages import WriteRequest
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.relay.write_turns import WriteTurns
from minirelay.shop.access import Role
from minirelay.shop.checkout import Checkout
from minirelay.shop.checkout_facts import FactsMissing
from minirelay.shop.checkout_records import CheckoutLimits
from minirelay.shop.object_sizes import ObjectLimits, check_sizes
from minirelay.shop.ownership import Author
from minirelay.shop.quote import no_rate
from minirelay.shop.relay_sets import relay_sets
from minirelay.shop.work import Work, WorkExceeded
from minirelay.store.checkout_rows import CheckoutRows

CLERKS_SHARE: Final = 10
"""The last such part of what a log may take is left to clerks."""


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """What a client's patch set may ask for.

    clock_skew: how far its time may be ahead of the relay's clock. work: see `shop/work.py`. guest_patches:
    how many a guest's set may have; a clerk's has at most `MAX_PATCHES_PER_SET`. log_bytes: of a shop's log.
    """

    clock_skew: timedelta
    objects: ObjectLimits
    checkout: CheckoutLimits
    work: int
    guest_patches: int
    log_bytes: int

    def log_bytes_for(self, *, is_guest: bool) -> int:
        """Return how long a log may get: guests can't take what clerks need to put things right."""
        return self.log_bytes - self.log_bytes // CLERKS_SHARE if is_guest else self.log_bytes


@dataclass(frozen=True, slots=True)
class WriteTerms:
    """What the clients' sets of a relay are judged with.

    now: the relay's clock, aware UTC. key: of its wallet, for what it adds.
    """

    now: Callable[[], datetime]
    limits: WriteLimits
    facts: FactsSource
    key: PrivateKey


class ClientWrite(msgspec.Struct, eq=False):
    """A patch set from a session (spec 02, 05), and the relay's own behind it (spec 06)."""

    request: WriteRequest
    terms: WriteTerms
    turns: WriteTurns
    work_done: int = 0
    """What judging it took, in units of `shop/work.py`."""
    _has_waited: bool = False
    _decoded: DecodedPatchSet | Refusal | None = None
    _verified: VerifiedPatchSet | Refusal | None = None

    @property
    def size_bytes(self) -> int:
        """Return the length of the patch set."""
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
        limits, is_guest = self.terms.limits, self.request.card.is_guest
        most_patches = limits.guest_patches if is_guest else MAX_PATCHES_PER_SET
        return decode_patch_set(self.request.patch_set, most_patches)

    def verify(self) -> None:
        """Recompute its root, recover its signer."""
        if self._verified is None and isinstance(self._decoded, DecodedPatchSet):
            try:
                self._verified = verify(self._decoded)
            except Refusal as refusal:
                self._verified = bare(refusal)

    def take_turn(self) -> bool:
        """Say whether it may be judged: not while another of its session waits for facts."""
        if self.turns.take(self):
            return True
        # It waits: as bytes only.
        self._decoded = self._verified = None
        return False

    def end_turn(self, missing: FactsMissing | None = None) -> None:
        """Take note that it was judged, or has to wait for facts."""
        if missing is None:
            self.turns.judged(self)
        else:
            self.turns.wait(self, missing)

    def give_up_waiting(self) -> None:
        """Let it be refused if facts are missing once more."""
        self._has_waited = True

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        """Check header, signature and signer, then every patch, then what comes of it."""
        prepared = self._decoded, self._verified
        # The request waits for its commit, or that of another: as bytes only.
        self._decoded = self._verified = None
        work = Work(self.terms.limits.work) if loop_work is None else loop_work
        # Nobody is refused for what the relay has to do because of it.
        own_work = Work() if loop_work is None else loop_work
        try:
            return self._judge(head, work, own_work, *prepared)
        except WorkExceeded as error:
            if loop_work is not None:
                self._decoded, self._verified = prepared
                raise
            # The client's own work: the relay's has no bound here.
            raise invalid(
                "this set touches too much at once, with what it refers to: make several of it"
            ) from error
        except FactsMissing as error:
            if self._has_waited:
                raise no_rate() from error
            raise
        finally:
            self.work_done = work.spent if own_work is work else work.spent + own_work.spent

    def _judge(
        self,
        head: ShopHead,
        work: Work,
        own_work: Work,
        decoded_before: DecodedPatchSet | Refusal | None,
        verified_before: VerifiedPatchSet | Refusal | None,
    ) -> Accepted:
        card, terms, now = self.request.card, self.terms, self.terms.now()
        patch_set = self._check(head, now, decoded_before, verified_before)
        author = Author(Role.GUEST if card.is_guest else Role.CLERK, card.row_id)
        facts = terms.facts.facts(int(now.timestamp()))
        limits, state = terms.limits, head.state
        checkout = Checkout(head.records, author, head.owners, facts, limits.checkout, work, own_work)
        pending = PendingSets(head)
        applied = pending.apply(author, patch_set, work, checkout)
        check_sizes(applied.changes, limits.objects)
        outcome = checkout.outcome(state, applied.state)
        for patches in relay_sets(outcome.patches):
            pending.apply_own(patches, terms.key, now, own_work)
        return pending.accepted(
            further=CheckoutRows.of(head.row.row_id, outcome, facts.now), checkout=outcome
        )

    def _check(
        self,
        head: ShopHead,
        now: datetime,
        decoded_before: DecodedPatchSet | Refusal | None,
        verified_before: VerifiedPatchSet | Refusal | None,
    ) -> VerifiedPatchSet:
        """Check what can be wrong with it before it is applied."""
        card = self.request.card
        decoded = decoded_before or self._decode()
        if isinstance(decoded, Refusal):
            raise decoded
        entry = head.cards.get(card.public_key)
        if entry is None or entry.is_unlinked:
            raise Refusal(Code.UNLINKED_KEYCARD, "this key card was unlinked from its account")
        header = decoded.header
        if header.shop_id != head.row.shop_id:
            raise invalid(f"invalid header: this session writes to another shop than {header.shop_id}")
        if header.key_card_nonce <= entry.last_nonce:
            raise invalid(f"event nonce re-use: {header.key_card_nonce} is not above {entry.last_nonce}")
        if header.timestamp > now + self.terms.limits.clock_skew:
            raise invalid("invalid header: its timestamp lies in the future; check the clock")
        patch_set = verified_before or verify(decoded)
        if isinstance(patch_set, Refusal):
            raise patch_set
        if patch_set.signer != card.public_key:
            raise invalid("invalid signature: not by the key card of this session")
        # What the relay adds because of it comes on top, and is never refused (spec 09, "Disk").
        limit_bytes = self.terms.limits.log_bytes_for(is_guest=card.is_guest)
        if head.counts.size_bytes + self.size_bytes > limit_bytes:
            raise invalid("this shop's storage is full, try again later")
        return patch_set

    def log_as(self, tell: Callable[[], None]) -> None:
        """Let lines about it name its session and its request."""
        self.request.log_as(tell)

    def stored(self, root_hash: bytes) -> None:
        """Answer with the root hash."""
        self.request.settle(root_hash)
        self.turns.left_queue(self)

    def refuse(self, error: MinirelayError) -> None:
        """Answer with the refusal."""
        if isinstance(error, Refusal):
            self.request.settle(error)
        else:
            self.request.settle(invalid("could not be stored, try again"))
        self.turns.left_queue(self)
