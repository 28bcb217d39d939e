"""What the writer is given: each puts its rows into a transaction (`batch.Writable`)."""

from collections.abc import Mapping

import msgspec

from minirelay.protocol.ids import UINT256_BYTES
from minirelay.store.batch import ROW_BYTES, Batch, Writable, encode_nonce
from minirelay.store.bulk_insert import Kind
from minirelay.store.messages import KeyCard, ObjectRow, ShopRow, StoredSet


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one accepted write adds, all or nothing.

    epoch: `Writer.epoch` as it was *before* the state was loaded on which this was judged. shop: row id.
    sets: consecutive; the first follows the shop's last one. changes: in the order in which they
    happened; the last one to an object counts. nonces: key card row id to its new last nonce.
    relay_nonce: the shop's new one, None if it stays. relay_signer: the public key (33 bytes) with which the
    relay signed its own sets here, None if there are none. unlinked: row ids of key cards.
    A shop or key card that is new here may be named by the other fields of the same commit. further: what
    else is stored with it, or not at all; its own epoch is not asked for.
    """

    epoch: int
    shop: int
    sets: tuple[StoredSet, ...] = ()
    changes: tuple[ObjectRow, ...] = ()
    nonces: Mapping[int, int] = msgspec.field(default_factory=dict)
    relay_nonce: int | None = None
    relay_signer: bytes | None = None
    new_shop: ShopRow | None = None
    new_cards: tuple[KeyCard, ...] = ()
    unlinked: tuple[int, ...] = ()
    further: tuple[Writable, ...] = ()

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        size_bytes, rows = 0, len(self.new_cards)
        for one in self.sets:
            size_bytes += len(one.wire)
            rows += 1 + len(one.leaves)
        for change in self.changes:
            size_bytes += len(change.value or b"")
            rows += 1 + len(change.pieces)
            for _, piece in change.pieces:
                size_bytes += len(piece)
        for part in self.further:
            size_bytes += part.weight
        return size_bytes + rows * ROW_BYTES

    def add_to(self, batch: Batch) -> None:
        """Put its rows in. Raises ValueError for what no row can hold."""
        if self.new_shop is not None:
            _insert_shop(batch, self.new_shop)
        for new_card in self.new_cards:
            _insert_card(batch, new_card)
        for one in self.sets:
            batch.append_set(self.shop, one)
        for change in self.changes:
            batch.change_object(self.shop, change)
        batch.set_nonces(self.nonces)
        if self.relay_nonce is not None:
            batch.put(Kind.RELAY_NONCE, (self.shop,), self.relay_nonce)
        if self.relay_signer is not None:
            batch.put(Kind.RELAY_SIGNER, (self.relay_signer,))
        for card in self.unlinked:
            batch.put(Kind.UNLINKED, (card,))
        for part in self.further:
            part.add_to(batch)


class MetaRow(msgspec.Struct, frozen=True, gc=False):
    """A row of `meta`; it replaces the one with the same key. It is judged on no state."""

    key: str
    value: bytes

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        return len(self.value) + ROW_BYTES

    @property
    def epoch(self) -> None:
        """Return None: whatever the state is, it holds."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put its row in."""
        batch.put(Kind.META, (self.key,), self.value)


def _insert_shop(batch: Batch, shop: ShopRow) -> None:
    shop_id = shop.shop_id.to_bytes(UINT256_BYTES)
    batch.insert(Kind.SHOP, shop.row_id, shop_id, shop.relay_nonce, shop.created_at)


def _insert_card(batch: Batch, card: KeyCard) -> None:
    batch.insert(
        Kind.KEY_CARD,
        card.row_id,
        card.public_key,
        card.shop,
        card.wallet,
        card.is_guest,
        encode_nonce(card.last_nonce),
        card.is_unlinked,
        card.enrolled_at,
    )
