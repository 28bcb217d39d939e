"""What happens in a shop, as those are told who have to do something about it."""

from collections.abc import Sequence
from typing import Protocol

from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.objects import Manifest
from minirelay.store.messages import ShopRow, StoredSet


class ShopEvents(Protocol):
    """Who is told. shop: its row id. What is told is durable; it is told on the loop, in order, and once."""

    def opened(self, shop: int, size_bytes: int) -> None:
        """Take note that the head of the shop came into memory, with about so many bytes."""

    def manifest_changed(self, shop: int, manifest: Manifest) -> None:
        """Take note of a shop's new manifest; alone of all this, it may not be durable yet, or ever."""

    def stored(self, shop: int, sets: Sequence[StoredSet]) -> None:
        """Take the sets of the next commit, at least one; before the answer to what brought them."""

    def checkout_changed(self, shop: int, records: RecordChanges) -> None:
        """Take note of what a write changed in the records of checkout; before the answer to it."""

    def unlinked(self, card_row: int) -> None:
        """Take note that a key card (row id) was unlinked; after the answers to everything before it."""


class CheckoutFollower(Protocol):
    """Who follows what becomes of payment requests and orders, in all shops."""

    def changed(self, shop: ShopRow, records: RecordChanges) -> None:
        """Take note of what a write changed, and is durable; told on the loop, in order, and once."""


class NoFollower:
    """Follows nothing: nobody watches payments."""

    def changed(self, shop: ShopRow, records: RecordChanges) -> None:
        """Do nothing."""
