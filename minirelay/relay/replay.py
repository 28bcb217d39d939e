"""A shop's log, replayed on the head that a write is judged on: every signature, root, proof and rule again.

What comes out is what has to be stored: the sets with their indexes and counts, the state, the key cards.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from minirelay.errors import MalformedInput, MinirelayError, Refusal
from minirelay.protocol.addresses import GUEST_WALLET
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch, VerifiedPatchSet, decode_parts, verify
from minirelay.protocol.push import decode_set
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.shop_head import ShopHead
from minirelay.relay.written_details import WrittenDetails, written_details
from minirelay.shop.access import Role
from minirelay.shop.canonical import read, read_as
from minirelay.shop.objects import Account, PublicKey
from minirelay.shop.ownership import RELAY_ITSELF, Author
from minirelay.store.messages import RELAY, Gap, KeyCard, ShopRow, StoredSet
from minirelay.store.reader import Reader


class Difference(MinirelayError):
    """The first thing that is not as the log says; the message says what and where."""


@dataclass(slots=True)
class RelaySigners:
    """The relay's own public keys, 33 bytes each.

    recorded: those that are stored. early: those that signed the first sets of shops from before signers were
    stored: such a set is always the relay's.
    """

    recorded: set[bytes]
    early: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Replay:
    """The shop as its log has made it so far.

    row: as it is stored. born_at: the timestamp of the first set, unix seconds; 0 before. cards: as the log
    enrolled them, by public key, but for what changes later (`key_cards` has that too). signed_by: the
    relay's keys that its sets here are signed with, as far as the log says which are the relay's. gaps: those
    that are stored and were not come by yet, by the number behind which they lie. written: the PaymentDetails
    of the relay's sets since `take_written`.
    """

    reader: Reader
    row: ShopRow
    signers: RelaySigners
    head: ShopHead
    gaps: dict[int, Gap] = field(default_factory=dict)
    stored_cards: dict[bytes, KeyCard] = field(default_factory=dict)
    born_at: int = 0
    cards: dict[bytes, KeyCard] = field(default_factory=dict)
    signed_by: set[bytes] = field(default_factory=set)
    written: list[WrittenDetails] = field(default_factory=list)

    @classmethod
    def start(cls, reader: Reader, row: ShopRow, signers: RelaySigners) -> "Replay":
        """Begin before the first set."""
        return cls(reader, row, signers, ShopHead.start(0, row))

    def expect(self, gaps: Iterable[Gap]) -> None:
        """Take all gaps that are stored for the shop."""
        self.gaps = {gap.after: gap for gap in gaps}

    def look_up_in(self, cards: Iterable[KeyCard]) -> None:
        """Take the stored key cards of the shop, all at once; others are read one by one."""
        self.stored_cards = {card.public_key: card for card in cards}

    async def take(self, stored: StoredSet) -> StoredSet:
        """Replay one set; give it as it has to be stored. Raises Difference, StoreUnavailable."""
        head = self.head
        self.cross_gap()
        if stored.seq != head.next_seq:
            raise Difference(f"set {head.next_seq} is missing: set {stored.seq} follows")
        pending = PendingSets(head)
        try:
            verified = _open(stored)
            author = await self._find_author(stored, verified)
            pending.apply(author, verified)
        except (Refusal, MalformedInput) as error:
            raise Difference(f"set {stored.seq}: {error}") from error
        except RuntimeError as error:  # only what a relay may write passes under its name
            raise Difference(f"set {stored.seq}, signed by the relay: {error}") from error
        if pending.last_wire != stored.wire:
            raise Difference(f"set {stored.seq}: its number or its proofs are not its own")
        new_cards: list[KeyCard] = []
        if author.role is Role.RELAY:
            self.written += written_details(head.state, head.owners, verified.patches, stored.seq)
            new_cards = await self._enrol(stored.seq, verified)
        commit = head.append(pending.accepted(new_cards))
        (replayed,) = commit.sets
        if stored.seq <= self.row.authors_after:
            return msgspec.structs.replace(replayed, author=None)
        return replayed

    def cross_gap(self) -> None:
        """Go on behind the gap that is stored for this place in the log, if one is."""
        gap = self.gaps.pop(self.head.seq, None)
        if gap is not None:
            self.head.go_on_behind([gap])

    def take_written(self) -> list[WrittenDetails]:
        """Return the PaymentDetails that the sets since the last time have written."""
        taken, self.written = self.written, []
        return taken

    def key_cards(self) -> dict[bytes, KeyCard]:
        """Return the key cards as they have to be stored by now, by public key."""
        now = self.head.cards
        return {
            key: msgspec.structs.replace(
                card, last_nonce=now[key].last_nonce, is_unlinked=now[key].is_unlinked
            )
            for key, card in self.cards.items()
        }

    async def _find_author(self, stored: StoredSet, verified: VerifiedPatchSet) -> Author:
        """Find whose set it is. Raises Difference: they may not have signed it."""
        header, seq = verified.header, stored.seq
        if header.shop_id != self.row.shop_id:
            raise Difference(f"set {seq} is of shop {header.shop_id}")
        card = (
            None if await self._is_relays(stored, verified.signer) else self.head.cards.get(verified.signer)
        )
        if header.key_card_nonce <= (self.head.relay_nonce if card is None else card.last_nonce):
            raise Difference(f"set {seq}: nonce {header.key_card_nonce} was used before")
        if card is not None and card.is_unlinked:
            raise Difference(f"set {seq} is signed by a key card that was unlinked before")
        if card is None:
            return RELAY_ITSELF
        return Author(Role.GUEST if card.is_guest else Role.CLERK, card.row_id)

    async def _is_relays(self, stored: StoredSet, signer: bytes) -> bool:
        """Return whether a set is the relay's; if not, a card of the shop signed it. Raises Difference."""
        seq, card = stored.seq, self.head.cards.get(signer)
        is_early = seq <= self.row.authors_after
        if (stored.author is None) != is_early:
            which = "is stored, unlike that of the others" if is_early else "is not stored, other than"
            raise Difference(f"set {seq}: its author {which} up to set {self.row.authors_after}")
        if is_early and signer in self.signers.early | self.signers.recorded:
            return True
        if stored.author == RELAY:
            if not await self._is_recorded(signer):
                raise Difference(f"set {seq} is stored as the relay's, but no key of the relay's signed it")
            self.signed_by.add(signer)
            return True
        if card is None:
            raise Difference(f"set {seq} is signed by no key card of this shop, nor by the relay")
        if stored.author not in (card.row_id, None):
            raise Difference(f"set {seq} is stored as another author's than its signer's")
        return False

    async def _is_recorded(self, signer: bytes) -> bool:
        if signer not in self.signers.recorded:
            # It may be new since: it is stored together with the set.
            self.signers.recorded.update(await self.reader.relay_signers())
        return signer in self.signers.recorded

    async def _enrol(self, seq: int, verified: VerifiedPatchSet) -> list[KeyCard]:
        """Note the key cards that a set of the relay's enrols; return them as they have to be stored."""
        new_cards = []
        enrolled_at = int(verified.header.timestamp.timestamp())
        self.born_at = self.born_at or enrolled_at
        for wallet, key in _key_cards_added(verified.patches):
            if key in self.cards:
                raise Difference(f"set {seq} enrols key card 0x{key.hex()} again")
            stored = self.stored_cards.get(key) or await self.reader.key_card(key)
            if stored is None:
                raise Difference(f"key card 0x{key.hex()}, enrolled by set {seq}, is not stored")
            self.cards[key] = KeyCard(
                row_id=stored.row_id,
                public_key=key,
                shop=self.row.row_id,
                wallet=wallet,
                is_guest=wallet == GUEST_WALLET,
                last_nonce=0,
                is_unlinked=False,
                # Taken from two clocks in those days.
                enrolled_at=stored.enrolled_at if seq <= self.row.authors_after else enrolled_at,
            )
            new_cards.append(self.cards[key])
        return new_cards


async def read_signers(reader: Reader) -> RelaySigners:
    """Read the relay's own keys as of now. Raises StoreError."""
    early = set()
    for row in await reader.shops():
        if row.authors_after:
            for stored in await reader.page(row.row_id, after_seq=0, upto_seq=1, max_patches=1, max_bytes=1):
                try:
                    early.add(_open(stored).signer)
                except (Refusal, MalformedInput):
                    continue  # that is found, and said, when its shop is replayed
    return RelaySigners(set(await reader.relay_signers()), frozenset(early))


def _open(stored: StoredSet) -> VerifiedPatchSet:
    pushed = decode_set(stored.wire)
    return verify(decode_parts(pushed.header, pushed.signature, pushed.patches))


def _key_cards_added(patches: Iterable[Patch]) -> Iterator[tuple[bytes, bytes]]:
    """Go through the key cards that a set of the relay's gives to accounts: wallet and public key."""
    for patch in patches:
        if patch.object_type is not ObjectType.ACCOUNT:
            continue
        if patch.op == "add":
            for key in read(Account, patch.value).key_cards:
                yield patch.object_id, key
        elif patch.op == "append":
            yield patch.object_id, read_as(PublicKey, "a key card", patch.value)
