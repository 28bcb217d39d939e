"""What happens in a shop, as those are told who have to do something about it."""

from collections.abc import Sequence
from typing import Protocol

from minirelay.shop.objects import Manifest
from minirelay.store.messages import StoredSet


class ShopEvents(Protocol):
    """Who is told. shop: its row id. What is told is durable; it is told on the loop, in order, and once."""

    def opened(self, shop: int, size_bytes: int) -> None:
        """Take note that the head of the shop came into memory, with about so many bytes."""

    def manifest_changed(self, shop: int, manifest: Manifest) -> None:
        """Take note of a shop's new manifest; alone of all this, it may not be durable yet, or ever."""

    def stored(self, shop: int, sets: Sequence[StoredSet]) -> None:
        """Take the sets of the next commit, at least one; before the answer to what brought them."""

    def unlinked(self, card_row: int) -> None:
        """Take note that a key card (row id) was unlinked; after the answers to everything before it."""
