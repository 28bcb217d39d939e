"""The head of one shop: its state and the end of its log, ahead of the disk by what is being committed."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from minirelay.protocol.patch_set import Header
from minirelay.relay.judgement import ENTRY_BYTES, NOBODY, Judgement, entry_bytes
from minirelay.shop.state import ShopState
from minirelay.store.messages import (
    EMPTY_COUNTS,
    RELAY,
    Commit,
    Counts,
    Gap,
    KeyCard,
    ShopRow,
    StoredObject,
    StoredSet,
)
from minirelay.store.reader import Reader


class Card(msgspec.Struct, gc=False):
    """What the sequencer needs to know of an enrolled key card."""

    row_id: int
    last_nonce: int
    is_guest: bool
    is_unlinked: bool


class Accepted(msgspec.Struct, frozen=True):
    """A request that may be entered as the next set of the log.

    wire: the set in its pushed form, numbered as the next one. signer: whose signature it has, a compressed
    public key.
    """

    judgement: Judgement
    wire: bytes
    header: Header
    signer: bytes


@dataclass(slots=True)
class ShopHead:
    """What the next write to a shop is judged on.

    epoch: of the writer, from before the head was read. seq: of the last set, 0 for an empty log.
    next_seq: of the one that comes next. owners: order id -> card row, for the orders that guests created.
    cards: by public key. size_bytes: about what they take in memory, rather more than less.
    """

    epoch: int
    row: ShopRow
    is_new: bool
    state: ShopState
    seq: int
    next_seq: int
    counts: Counts
    relay_nonce: int
    owners: dict[bytes, int] = field(default_factory=dict)
    cards: dict[bytes, Card] = field(default_factory=dict)
    guest_cards: int = 0
    size_bytes: int = 0

    @classmethod
    def start(cls, epoch: int, row: ShopRow, gaps: Iterable[Gap] = ()) -> "ShopHead":
        """Open the head of a shop that comes into being. gaps: what its log begins with after a restore."""
        head = cls(epoch, row, True, ShopState(), 0, 1, EMPTY_COUNTS, 0)
        head.go_on_behind(gaps)
        return head

    def go_on_behind(self, gaps: Iterable[Gap]) -> None:
        """Let the log, and the relay's nonces, go on behind a gap (spec 09), if one begins here."""
        for gap in gaps:
            if gap.after == self.seq:
                self.next_seq = gap.next
                self.relay_nonce = max(self.relay_nonce, gap.next - 1)

    def enter(self, accepted: Accepted, card: Card | None) -> Commit:
        """Make an accepted patch set the new end of the log; give what the store has to write for it.

        accepted: its set numbered `next_seq`. card: whose set it is, None for the relay's own. (Its signer
        doesn't tell: logs hold the relay's key enrolled as a card.)
        """
        judgement, wire, nonce = accepted.judgement, accepted.wire, accepted.header.key_card_nonce
        self.seq, self.next_seq = self.next_seq, self.next_seq + 1
        self.counts = self.counts.plus(judgement.leaves, len(wire))
        self.size_bytes += judgement.growth_bytes
        self.state = judgement.state
        self._enter_owners(judgement)
        if card is None:
            self.relay_nonce = nonce
        else:
            card.last_nonce = nonce
        return Commit(
            epoch=self.epoch,
            shop=self.row.row_id,
            sets=(StoredSet(self.seq, judgement.leaves, self.counts, wire, card.row_id if card else RELAY),),
            changes=judgement.changes,
            nonces={} if card is None else {card.row_id: nonce},
            relay_nonce=nonce if card is None else None,
            relay_signer=accepted.signer if card is None else None,
            unlinked=self._unlink(judgement),
        )

    def enrol(self, commit: Commit, card: KeyCard) -> Commit:
        """Enter a new key card, and the shop too if it comes into being with it.

        commit: of the set with which it was enrolled.
        """
        self.cards[card.public_key] = Card(card.row_id, 0, card.is_guest, False)
        self.size_bytes += ENTRY_BYTES
        self.guest_cards += card.is_guest
        new_shop = msgspec.structs.replace(self.row, created_at=card.enrolled_at) if self.is_new else None
        self.is_new = False
        return msgspec.structs.replace(commit, new_card=card, new_shop=new_shop)

    def _enter_owners(self, judgement: Judgement) -> None:
        for order_id, owner in judgement.owners.items():
            if owner == NOBODY:
                self.owners.pop(order_id, None)
            else:
                self.owners[order_id] = owner

    def _unlink(self, judgement: Judgement) -> tuple[int, ...]:
        cards = [self.cards[key] for key in judgement.unlinked if key in self.cards]
        for card in cards:
            card.is_unlinked = True
        return tuple(card.row_id for card in cards)


async def read_head(reader: Reader, epoch: int, row: ShopRow) -> ShopHead:
    """Open the head of a shop as it is on disk. epoch: the writer's, from before."""
    seq, counts = await reader.tail(row.row_id)
    gaps = await reader.gaps(row.row_id)
    objects = await reader.load_objects(row.row_id)
    cards = await reader.cards(row.row_id)
    # Takes a second in a shop of 100,000 listings or guests, and the other shops go on meanwhile.
    head = await asyncio.to_thread(_make_head, epoch, row, (seq, counts), objects, cards)
    head.go_on_behind(gaps)
    return head


def _entry_bytes(key: bytes, value: bytes | None) -> int:
    return 0 if value is None else ENTRY_BYTES + len(key) + len(value)


def _make_head(
    epoch: int,
    row: ShopRow,
    tail: tuple[int, Counts],
    objects: Sequence[StoredObject],
    cards: Sequence[KeyCard],
) -> ShopHead:
    seq, counts = tail
    return ShopHead(
        epoch=epoch,
        row=row,
        is_new=False,
        state=_build_state(objects),
        seq=seq,
        next_seq=seq + 1,
        counts=counts,
        relay_nonce=row.relay_nonce,
        owners={one.key: one.owner for one in objects if one.owner != NOBODY},
        cards={
            card.public_key: Card(card.row_id, card.last_nonce, card.is_guest, card.is_unlinked)
            for card in cards
        },
        guest_cards=sum(card.is_guest for card in cards),
        size_bytes=sum(entry_bytes(one.key, one.value) for one in objects) + ENTRY_BYTES * len(cards),
    )


def _build_state(objects: Sequence[StoredObject]) -> ShopState:
    state = ShopState.from_objects((one.object_type, one.key, one.value) for one in objects)
    # Kept by the state; the next write then costs one path.
    _ = state.root_hash
    return state
