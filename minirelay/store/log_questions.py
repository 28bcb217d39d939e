"""What can be asked about logs: their sets, whole or as a subscriber sees them, their ends and their gaps."""

from collections.abc import Callable, Sequence

from minirelay.store import (
    comparison,
    counts,
    gaps,
    index,
    log,
)
from minirelay.store.messages import (
    NO_LIMIT,
    Counts,
    Gap,
    Leaf,
    SelectedPage,
    Selection,
    StoredSet,
    TypedSet,
    TypesSeen,
    WireSet,
)
from minirelay.store.questions import Questions


class LogQuestions(Questions):
    """Ask about logs.

    A stretch of the log is what comes after after_seq, up to and including upto_seq: the durable end that the
    caller knows. shop: a row id.
    """

    async def tail(self, shop: int) -> tuple[int, Counts]:
        """Return the last sequence number (0: the log is empty) and what the log holds."""
        return await self._pool.run(lambda db: log.read_tail(db, shop))

    async def gaps(self, shop: int) -> tuple[Gap, ...]:
        """List the gaps of a shop's log in their order; NEW_SHOPS: the one with which new shops begin."""
        return await self._pool.run(lambda db: gaps.read_gaps(db, shop))

    async def counts_at(self, shop: int, seq: int) -> Counts:
        """Return what the log held when it ended with this sequence number; beyond its end, all of it."""
        return await self._pool.run(lambda db: log.read_counts(db, shop, seq))

    async def page(
        self,
        shop: int,
        *,
        after_seq: int,
        upto_seq: int,
        max_patches: int,
        max_bytes: int,
        max_set_bytes: int = NO_LIMIT,
    ) -> list[StoredSet]:
        """Read consecutive whole sets, leaves and counts included.

        At least one if there is one, unless the next one is larger than max_set_bytes.
        """
        return await self._pool.run(
            lambda db: log.read_sets(db, shop, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes)
        )

    async def page_wire(
        self,
        shop: int,
        *,
        after_seq: int,
        upto_seq: int,
        max_patches: int,
        max_bytes: int,
        max_set_bytes: int = NO_LIMIT,
    ) -> list[WireSet]:
        """Read consecutive whole sets for a reader who sees everything: the fastest way through the log.

        At least one if there is one, unless the next one is larger than max_set_bytes.
        """
        return await self._pool.run(
            lambda db: log.read_wires(db, shop, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes)
        )

    async def page_of_types(
        self,
        shop: int,
        types: TypesSeen,
        *,
        after_seq: int,
        upto_seq: int,
        max_patches: int,
        max_bytes: int,
        max_set_bytes: int = NO_LIMIT,
    ) -> list[TypedSet]:
        """Read consecutive sets for a reader who sees all of some types, and perhaps some of others.

        At least one if there is one, unless the next one is larger than max_set_bytes. What is not seen
        counts, too.
        """
        return await self._pool.run(
            lambda db: log.read_typed(
                db, shop, types, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes
            )
        )

    async def index_page(
        self,
        shop: int,
        selections: Sequence[Selection],
        sees: Callable[[Leaf], bool],
        *,
        after_seq: int,
        upto_seq: int,
        max_patches: int,
        max_bytes: int,
        max_set_bytes: int = NO_LIMIT,
    ) -> SelectedPage:
        """Read the sets of which a reader sees something; go on after `through`, until it is upto_seq.

        selections: what finds all that it sees, perhaps more. sees: says which of the patches that are found
        it sees; called in another thread. A page may be empty without being the last. max_patches counts
        those that it sees, max_bytes whole sets; a single larger set comes alone, unless it is larger than
        max_set_bytes: then `through` is the number before it, be it after_seq. Raises ValueError for an
        owner of anything but orders.
        """
        return await self._pool.run(
            lambda db: index.read_selected(
                db, shop, selections, sees, after_seq, upto_seq, max_patches, max_bytes, max_set_bytes
            )
        )

    async def count_index(
        self, shop: int, selections: Sequence[Selection], *, after_seq: int, upto_seq: int
    ) -> int:
        """Count the selected patches, each once. Raises ValueError for an owner of anything but orders."""
        return await self._pool.run(
            lambda db: counts.count_selected(db, shop, selections, after_seq, upto_seq)
        )

    async def find_difference(self, shop: int, sets: Sequence[StoredSet]) -> str | None:
        """Return which of these sets is stored, or has its patches in the index, in another way; None: none.

        sets: as they have to be stored.
        """
        return await self._pool.run(lambda db: comparison.find_difference(db, shop, sets))

    async def find_surplus(self, shop: int, patch_count: int) -> str | None:
        """Return which row the index has beside the patches of a log, all of which it has; None: none."""
        return await self._pool.run(lambda db: comparison.find_surplus(db, shop, patch_count))
