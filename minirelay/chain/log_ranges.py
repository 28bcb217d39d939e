"""How many blocks of logs each endpoint gives at once: halved when refused, growing again slowly. Pure."""

from typing import Final

FIRST_BLOCKS: Final = 1024
MOST_BLOCKS: Final = 10_000
"""Spec 07: free endpoints allow 10,000 blocks down to one."""

MOST_RANGES: Final = 64
"""So many ranges are asked for together, and fewer where that would be very many blocks."""

BLOCKS_TOGETHER: Final = 4096

GROW_AFTER: Final = 32
"""Ranges of the full size that were given before a larger one is tried; twice as many after each refusal."""

LONGEST_GROW_AFTER: Final = 4096

Range = tuple[int, int]
"""The first and the last block, both included."""


class _Size:
    """What one endpoint gives."""

    def __init__(self) -> None:
        self.blocks = FIRST_BLOCKS
        self.together = MOST_RANGES
        self.grow_after = GROW_AFTER
        self.given = 0


class LogRanges:
    """Remembers how much each endpoint of a chain gives at once."""

    def __init__(self) -> None:
        self._sizes: dict[str, _Size] = {}

    def blocks(self, endpoint: str) -> int:
        """Return how many blocks to ask an endpoint for, from 1."""
        return self._size(endpoint).blocks

    def refuse(self, endpoint: str, blocks: int) -> None:
        """Take note that so many blocks were too many."""
        size = self._size(endpoint)
        size.blocks = min(size.blocks, max(1, blocks // 2))
        size.grow_after = min(2 * size.grow_after, LONGEST_GROW_AFTER)
        size.given = 0

    def cut_short(self, endpoint: str, ranges: int) -> None:
        """Take note that so many ranges together took more requests than there were."""
        size = self._size(endpoint)
        size.together = min(size.together, max(1, ranges // 2))
        size.given = 0

    def give(self, endpoint: str, blocks: int) -> None:
        """Take note that so many blocks were given."""
        size = self._size(endpoint)
        if blocks < size.blocks:
            return
        size.given += 1
        if size.given >= size.grow_after:
            size.blocks = min(MOST_BLOCKS, size.blocks + max(1, size.blocks // 4))
            size.together = min(MOST_RANGES, size.together + max(1, size.together // 4))
            size.given = 0

    def together(self, endpoint: str) -> int:
        """Return how many ranges to ask an endpoint for together."""
        size = self._size(endpoint)
        return min(size.together, max(1, BLOCKS_TOGETHER // size.blocks))

    def split(self, endpoint: str, first: int, last: int) -> list[Range]:
        """Cut a stretch into the ranges to ask for together, the oldest first; perhaps not all of it."""
        blocks = self.blocks(endpoint)
        starts = range(first, last + 1, blocks)[: self.together(endpoint)]
        return [(start, min(start + blocks - 1, last)) for start in starts]

    def _size(self, endpoint: str) -> _Size:
        return self._sizes.setdefault(endpoint, _Size())
