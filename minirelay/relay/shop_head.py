"""The head of one shop: its state and the end of its log, ahead of the disk by what is being committed."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from minirelay.garbage import collection_paused
from minirelay.protocol.ids import NOBODY
from minirelay.relay.entry import ENTRY_BYTES, Entry, entry_bytes
from minirelay.shop.access import Role
from minirelay.shop.canonical import load
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.checkout_records import CheckoutRecords
from minirelay.shop.objects import Manifest
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

_ENTERED: Final = object()


class Card(msgspec.Struct, gc=False):
    """What the sequencer needs to know of an enrolled key card."""

    row_id: int
    last_nonce: int
    is_guest: bool
    is_unlinked: bool


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """What a request appends to the log, all in one transaction.

    entries: the first is judged on the head, each other on the state behind the one before; none, where only
    the rest is stored. new_cards: that are enrolled with these sets. further: rows of other kinds that are
    stored with them. checkout: what was caused by the first set, or is by the relay's own; None if nothing.
    """

    entries: tuple[Entry, ...]
    new_cards: tuple[KeyCard, ...] = ()
    further: tuple[Writable, ...] = ()
    checkout: CheckoutOutcome | None = None


@dataclass(slots=True)
class ShopHead:
    """What the next write to a shop is judged on.

    epoch: of the writer, from before the head was read. seq: of the last set, 0 for an empty log.
    next_seq: of the one that comes next. owners: order id -> card row, for the orders that guests created.
    cards: by public key. objects_bytes: about what state and cards take in memory, rather more than less.
    records: what checkout goes by beside the log.
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
    objects_bytes: int = 0
    records: CheckoutRecords = field(default_factory=CheckoutRecords)
    _entering: Iterator[None] | None = None

    @property
    def size_bytes(self) -> int:
        """Tell about what it takes in memory."""
        return self.objects_bytes + self.records.size_bytes

    @property
    def is_entering(self) -> bool:
        """Say whether `enter_more` has to be called before anything is judged by the records."""
        return self._entering is not None

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

        accepted: judged on this head, the sets numbered from `next_seq` on. What it changed in very many
        records is not all entered then; see `is_entering`.
        """
        sets: list[StoredSet] = []
        changes: list[ObjectRow] = []
        nonces: dict[int, int] = {}
        unlinked: list[int] = []
        relay_nonce = relay_signer = None
        for entry in accepted.entries:
            sets.append(self._append_set(entry))
            changes += entry.changes
            if entry.applied.unlinked:
                unlinked += self._unlink(entry.applied.unlinked)
            # The author tells whose set it is, not the signer: logs hold the relay's key enrolled as a card.
            if entry.author.role is Role.RELAY:
                relay_nonce, relay_signer = entry.nonce, entry.signer
                self.relay_nonce = entry.nonce
            else:
                nonces[entry.author.card_row] = self.cards[entry.signer].last_nonce = entry.nonce
        if accepted.checkout is not None and not accepted.checkout.records.is_empty:
            self._entering = self.records.enter_in_parts(accepted.checkout.records)
            self.enter_more()
        return Commit(
            epoch=self.epoch,
            shop=self.row.row_id,
            sets=tuple(sets),
            changes=tuple(changes),
            nonces=nonces,
            relay_nonce=relay_nonce,
            relay_signer=relay_signer,
            new_shop=self._begin(accepted.new_cards) if accepted.new_cards else None,
            new_cards=accepted.new_cards,
            unlinked=tuple(unlinked),
            further=accepted.further,
        )

    def enter_more(self) -> None:
        """Enter the next part of what the last request changed in the records."""
        if self._entering is not None and next(self._entering, _ENTERED) is _ENTERED:
            self._entering = None

    def _append_set(self, entry: Entry) -> StoredSet:
        self.seq, self.next_seq = self.next_seq, self.next_seq + 1
        self.counts = self.counts.plus(entry.leaves, len(entry.wire))
        self.objects_bytes += entry.growth_bytes
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
            self.objects_bytes += ENTRY_BYTES
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


async def read_head(reader: Reader, epoch: int, row: ShopRow, now: int) -> ShopHead:
    """Open the head of a shop as it is on disk. epoch: the writer's, from before. now: in epoch seconds."""
    seq, counts = await reader.tail(row.row_id)
    gaps = await reader.gaps(row.row_id)
    objects = await reader.load_objects(row.row_id)
    cards = await reader.cards(row.row_id)
    records = await reader.load_checkout(row, objects, now)
    # Takes a second in a shop of 100,000 listings or guests, and the other shops go on meanwhile.
    head = await asyncio.to_thread(_make_head, epoch, row, (seq, counts), objects, cards)
    head.records = records
    head.go_on_behind(gaps)
    return head


def read_manifest(state: ShopState) -> Manifest | None:
    """Decode the manifest of a shop, None if it has none yet. A large one takes milliseconds."""
    return None if state.manifest is None else load(Manifest, state.manifest)


@collection_paused()
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
        objects_bytes=sum(entry_bytes(one.key, one.value) for one in objects) + ENTRY_BYTES * len(cards),
    )


def build_state(objects: Sequence[StoredObject]) -> ShopState:
    state = ShopState.from_objects((one.object_type, one.key, one.value) for one in objects)
    # Kept by the state; the next write then costs one path.
    _ = state.root_hash
    return state
