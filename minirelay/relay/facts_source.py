"""Where the running relay gets what checkout has to know of chains, tokens and rates (spec 07 "Prices").

The relay asks no chain itself: who does so implements this, keeps warm what customers may choose, and fetches
what a write was found to miss.
"""

from collections.abc import Set
from typing import Protocol

from minirelay.shop.checkout_facts import Fact, Facts
from minirelay.shop.objects import Manifest


class FactsSource(Protocol):
    """Knows facts, from memory, and gets those that are missing.

    `note_manifest`, `forget_shop` and `warm` are called on the event loop.
    """

    def facts(self, now: int) -> Facts:
        """Return what is known. It waits for nothing.

        now: by the relay's clock, epoch seconds; for `Facts.now`. A set may be judged in a thread: this may
        be called there too, and what it returned never changes.
        """

    def note_manifest(self, shop_id: int, manifest: Manifest) -> None:
        """Keep warm, from now on, what the customers of a shop may choose; what is new in it, at once.

        Called when a shop comes into memory, and for each manifest that is written then. shop_id: Uint256.
        """

    def forget_shop(self, shop_id: int) -> None:
        """Take note that a shop left memory: no client writes to it."""

    async def warm(self, missing: Set[Fact]) -> None:
        """Get what is missing; return once all of it is known, and not before.

        "There is none" is known, too. Several may wait for the same, and each gives up when it likes, by
        being cancelled; that ends no other caller's waiting. Raises nothing.
        """


class NoChains:
    """The source of a relay for which no chain is configured: orders can be committed, but not paid."""

    def facts(self, now: int) -> Facts:
        """Return that there is no chain."""
        return Facts(now)

    def note_manifest(self, shop_id: int, manifest: Manifest) -> None:
        """Do nothing: there is nothing to keep warm."""

    def forget_shop(self, shop_id: int) -> None:
        """Do nothing."""

    async def warm(self, missing: Set[Fact]) -> None:
        """Raise RuntimeError: without a chain nothing is asked for."""
        raise RuntimeError(f"there is no chain to ask: {missing}")
