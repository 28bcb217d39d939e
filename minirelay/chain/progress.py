"""How far a chain is read, and where that is remembered (spec 07 "Heads")."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from minirelay.chain.head_history import HeadHistory

RowT_contra = TypeVar("RowT_contra", contravariant=True)


class Progress(msgspec.Struct, frozen=True):
    """The marks of a chain, and the blocks that were polled; `findings.Marks` says what they are."""

    history: HeadHistory
    scanned: int
    deep: int
    final: int = 0
    final_time: int = 0

    def back_to(self, number: int) -> "Progress":
        """Go back to the newest block that is still on the chain: a reorganisation."""
        history = self.history.without_above(number)
        base = history.newest_up_to(self.final)
        return Progress(
            history,
            min(self.scanned, number),
            min(self.deep, number),
            0 if base is None else base.number,
            0 if base is None else base.timestamp,
        )


class Memory(Protocol[RowT_contra]):
    """Where progress is kept across restarts."""

    async def load(self, chain_id: int) -> Progress | None:
        """Return how far a chain was read; None if it never was. Raises MinirelayError."""

    async def save(
        self, chain_id: int, before: Progress | None, after: Progress, rows: Sequence[RowT_contra]
    ) -> None:
        """Store progress and rows in one transaction; durable when it returns. Raises MinirelayError.

        before: what was stored last, or loaded.
        """
