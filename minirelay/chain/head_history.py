"""The short chain of blocks that were polled (spec 07 "Heads"): one fork, thinned with age. Pure."""

from bisect import bisect_right
from collections.abc import Collection
from typing import Final

import msgspec

from minirelay.chain.block import Block

KEPT_ALL: Final = 64
"""So many of the newest are all kept."""

SPACING: Final = 32
"""Of those before, one in so many numbers."""

SPAN: Final = 1024
"""How far back they go, in numbers, where no block is known to be final."""

MOST: Final = 1024
"""How many are kept at all, however long no block gets final."""


class HeadHistory(msgspec.Struct, frozen=True):
    """Blocks of one fork, oldest first: each is an ancestor of the next."""

    blocks: tuple[Block, ...] = ()

    @property
    def newest(self) -> Block | None:
        """Return the newest block; None if there is none."""
        return self.blocks[-1] if self.blocks else None

    def at(self, number: int) -> Block | None:
        """Return the block of this number, if it is known."""
        block = self.newest_up_to(number)
        return block if block is not None and block.number == number else None

    def newest_up_to(self, number: int) -> Block | None:
        """Return the newest known block of at most this number."""
        after = bisect_right(self.blocks, number, key=lambda block: block.number)
        return self.blocks[after - 1] if after else None

    def newest_before(self, timestamp: int) -> Block | None:
        """Return the newest known block that is not younger; timestamp: epoch seconds."""
        after = bisect_right(self.blocks, timestamp, key=lambda block: block.timestamp)
        return self.blocks[after - 1] if after else None

    def add(self, block: Block) -> "HeadHistory":
        """Add a block that is known to be of this fork. One of a known number changes nothing."""
        after = bisect_right(self.blocks, block.number, key=lambda known: known.number)
        if after and self.blocks[after - 1].number == block.number:
            return self
        return HeadHistory((*self.blocks[:after], block, *self.blocks[after:]))

    def without_above(self, number: int) -> "HeadHistory":
        """Forget the blocks above a number."""
        after = bisect_right(self.blocks, number, key=lambda block: block.number)
        return self if after == len(self.blocks) else HeadHistory(self.blocks[:after])

    def thinned(self, final: int, kept: Collection[int] = ()) -> "HeadHistory":
        """Forget what is too old, or too dense for its age. final: the newest number that will not vanish.

        The newest block that is final stays: whatever is reorganised has it as an ancestor. kept: numbers
        that stay in any case.
        """
        newest = self.newest
        if newest is None:
            return self
        base = self.newest_up_to(final)
        oldest = newest.number - SPAN if base is None else base.number
        old, recent = self.blocks[:-KEPT_ALL], self.blocks[-KEPT_ALL:]
        spaced: list[Block] = []
        for block in old:
            is_apart = not spaced or block.number >= spaced[-1].number + SPACING
            if block.number >= oldest and (is_apart or block.number in kept):
                spaced.append(block)
        recent = tuple(block for block in recent if block.number >= oldest)
        return HeadHistory((*spaced, *recent)[-MOST:])
