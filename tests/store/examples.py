"""Shops, cards and sets to store: real in shape, cheap to make, and each known by its sequence number."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from minirelay.protocol.objects import ObjectType
from minirelay.store.messages import EMPTY_COUNTS, Counts, KeyCard, Leaf, ShopRow, StoredSet
from minirelay.store.writes import Commit

CARD = 1
GUEST = 2
OTHER_GUEST = 3


def shop_row(row_id: int = 1) -> ShopRow:
    return ShopRow(row_id, 2**256 - row_id, 0, 1_700_000_000)


def key_card(row_id: int, shop: int = 1, is_guest: bool = False) -> KeyCard:
    return KeyCard(
        row_id,
        b"\x02" + row_id.to_bytes(32, "big"),
        shop,
        row_id.to_bytes(20, "big"),
        is_guest,
        0,
        False,
        1_700_000_000 + row_id,
    )


def beginning(shop: int = 1, cards: Iterable[int] = (CARD,), epoch: int = 0) -> list[Commit]:
    """The commits with which a shop and its cards come into being."""
    commits = [Commit(epoch=epoch, shop=shop, new_shop=shop_row(shop))]
    for card in cards:
        commits.append(Commit(epoch=epoch, shop=shop, new_cards=(key_card(card, shop, card != CARD),)))
    return commits


def listing(number: int) -> Leaf:
    return Leaf(ObjectType.LISTING, number.to_bytes(8, "big"))


def order(number: int, owner: int = 0) -> Leaf:
    return Leaf(ObjectType.ORDER, number.to_bytes(8, "big"), owner)


def wire_of(seq: int, size_bytes: int = 300) -> bytes:
    """Bytes that can be told apart, zeros and all."""
    return (seq.to_bytes(8, "big") * (size_bytes // 8 + 1))[:size_bytes]


@dataclass
class ShopLog:
    """The log of one shop as the relay would continue it, and all that it ever held."""

    shop: int = 1
    epoch: int = 0
    seq: int = 0
    counts: Counts = EMPTY_COUNTS
    sets: list[StoredSet] = field(default_factory=list)

    def add(self, *leaves: Leaf, size_bytes: int = 300, author: int = CARD, **fields: Any) -> Commit:
        """Commit the next set. fields: of Commit."""
        self.seq += 1
        leaves = leaves or (listing(self.seq),)
        self.counts = self.counts.plus(leaves, size_bytes)
        one = StoredSet(self.seq, leaves, self.counts, wire_of(self.seq, size_bytes), author)
        self.sets.append(one)
        return Commit(epoch=self.epoch, shop=self.shop, sets=(one,), **fields)
