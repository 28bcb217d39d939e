"""The head of one shop: its state and the end of its log, ahead of the disk by what is being committed."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from minirelay.protocol.ids import NOBODY
from minirelay.relay.entry import ENTRY_BYTES, Entry, entry_bytes
from minirelay.shop.access import Role
from minirelay.shop.state import ShopState
from minirelay.store.batch import Writable
from minirelay.store.messages import (
    EMPTY_COUNTS,
    Counts,
    Gap,
    KeyCard,
    ObjectRow,
    ShopRow,
    StoredObject,
    StoredSet,
)
from minirelay.store.reader import Reader
from minirelay.store.writes import Commit


class Card(msgspec.Struct, gc=False):
    """What the sequencer needs to know of an enrolled key card."""

    row_id: int
    last_nonce: int
    is_guest: bool
    is_unlinked: bool


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """What a request appends to the log, all in one transaction.

    entries: at least one; the first is judged on the head, each other on the state behind the one before.
    new_cards: that are enrolled with these sets. further: rows of other kinds that are stored with them.
    """

    entries: tuple[Entry, ...]
    new_cards: tuple[KeyCard, ...] = ()
    further: tuple[Writable, ...] = ()

    @property
    def state(self) -> ShopState:
        """The shop's state after the last of the sets."""
        return self.entries[-1].applied.state

    @property
    def root_hash(self) -> bytes:
        """The shop's root hash after the last of the sets."""
        return self.entries[-1].root_hash


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

    def append(self, accepted: Accepted) -> Commit:
        """Make accepted sets the new end of the log; return what the store has to write for all of them.

        accepted: judged on this head, the sets numbered from `next_seq` on.
        """
        sets: list[StoredSet] = []
        changes: list[ObjectRow] = []
        nonces: dict[int, int] = {}
        unlinked: list[int] = []
        relay_nonce = relay_signer = None
        for entry in accepted.entries:
            sets.append(self._append_set(entry))
            changes += entry.changes
            unlinked += self._unlink(entry.applied.unlinked)
            # The author tells whose set it is, not the signer: logs hold the relay's key enrolled as a card.
            if entry.author.role is Role.RELAY:
                relay_nonce, relay_signer = entry.nonce, entry.signer
                self.relay_nonce = entry.nonce
            else:
                nonces[entry.author.card_row] = self.cards[entry.signer].last_nonce = entry.nonce
        return Commit(
            epoch=self.epoch,
            shop=self.row.row_id,
            sets=tuple(sets),
            changes=tuple(changes),
            nonces=nonces,
            relay_nonce=relay_nonce,
            relay_signer=relay_signer,
            new_shop=self._begin(accepted.new_cards),
            new_cards=accepted.new_cards,
            unlinked=tuple(unlinked),
            further=accepted.further,
        )

    def _append_set(self, entry: Entry) -> StoredSet:
        self.seq, self.next_seq = self.next_seq, self.next_seq + 1
        self.counts = self.counts.plus(entry.leaves, len(entry.wire))
        self.size_bytes += entry.growth_bytes
        self.state = entry.applied.state
        for order_id, owner in entry.applied.owners.items():
            if owner == NOBODY:
                self.owners.pop(order_id, None)
            else:
                self.owners[order_id] = owner
        return StoredSet(self.seq, entry.leaves, self.counts, entry.wire, entry.author.card_row)

    def _begin(self, new_cards: Iterable[KeyCard]) -> ShopRow | None:
        """Take new key cards in; return the shop's row if it comes into being with them."""
        new_shop = None
        for card in new_cards:
            self.cards[card.public_key] = Card(card.row_id, 0, card.is_guest, False)
            self.size_bytes += ENTRY_BYTES
            self.guest_cards += card.is_guest
            if self.is_new:
                new_shop = msgspec.structs.replace(self.row, created_at=card.enrolled_at)
                self.is_new = False
        return new_shop

    def _unlink(self, public_keys: Iterable[bytes]) -> list[int]:
        card_rows: list[int] = []
        for public_key in public_keys:
            card = self.cards.get(public_key)
            if card is not None:
                card.is_unlinked = True
                card_rows.append(card.row_id)
        return card_rows


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
        state=build_state(objects),
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


def build_state(objects: Sequence[StoredObject]) -> ShopState:
    state = ShopState.from_objects((one.object_type, one.key, one.value) for one in objects)
    # Kept by the state; the next write then costs one path.
    _ = state.root_hash
    return state
