"""How many balances go into one call, for each endpoint and token: fewer when it fails. Pure."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from minirelay.protocol.addresses import NATIVE_COIN

MOST_TOGETHER: Final = 500
"""Spec 07, "A poll"."""

SMALLER: Final = 5
"""A chunk that fails is cut into so many."""

MOST_CHUNKS: Final = 32
"""So many of a token at a time: one that takes all gas it gets is asked for one holder at once."""

GROW_AFTER: Final = 32
"""Chunks of the full size that were given before a larger one is tried; twice as many after each refusal."""

LONGEST_GROW_AFTER: Final = 4096
MOST_REMEMBERED: Final = 4096
"""Of tokens, which strangers choose: those that failed last."""

Pair = tuple[bytes, bytes]
"""A token, NATIVE_COIN for the chain's own, and a holder; 20 bytes each."""


class Chunk(msgspec.Struct, frozen=True):
    """Holders of one token that are asked about in one call."""

    token: bytes
    holders: Sequence[bytes]


class _Size:
    def __init__(self) -> None:
        self.calls = MOST_TOGETHER
        self.grow_after = GROW_AFTER
        self.given = 0


class ChunkSizes:
    """Remembers what failed."""

    def __init__(self) -> None:
        self._sizes: OrderedDict[tuple[str, bytes], _Size] = OrderedDict()

    def chunks(self, endpoint: str, pairs: Sequence[Pair]) -> list[Chunk]:
        """Cut what is wanted into chunks of one token each, in the order of their first holders.

        Of a token that gives few at once there may be too many, which are left out.
        """
        holders: dict[bytes, list[bytes]] = {}
        for token, holder in pairs:
            holders.setdefault(token, []).append(holder)
        places = {pair: place for place, pair in enumerate(pairs)}
        chunks = []
        for token, some in holders.items():
            most = None if token == NATIVE_COIN else MOST_CHUNKS
            chunks += self.cut(endpoint, Chunk(token, some))[:most]
        return sorted(chunks, key=lambda chunk: places[chunk.token, chunk.holders[0]])

    def cut(self, endpoint: str, chunk: Chunk) -> list[Chunk]:
        """Cut a chunk into those of the size that is given."""
        size = self._size(endpoint, chunk.token).calls
        starts = range(0, len(chunk.holders), size)
        return [Chunk(chunk.token, chunk.holders[start : start + size]) for start in starts]

    def refuse(self, endpoint: str, chunk: Chunk) -> None:
        """Take note that a chunk of more than one failed."""
        size = self._size(endpoint, chunk.token)
        size.calls = min(size.calls, max(1, len(chunk.holders) // SMALLER))
        size.grow_after = min(2 * size.grow_after, LONGEST_GROW_AFTER)
        size.given = 0
        self._sizes[endpoint, chunk.token] = size
        self._sizes.move_to_end((endpoint, chunk.token))
        if len(self._sizes) > MOST_REMEMBERED:
            self._sizes.popitem(last=False)

    def give(self, endpoint: str, chunk: Chunk) -> None:
        """Take note that a chunk was given."""
        size = self._sizes.get((endpoint, chunk.token))
        if size is None or len(chunk.holders) < size.calls:
            return
        size.given += 1
        if size.given >= size.grow_after:
            size.calls = min(MOST_TOGETHER, size.calls * SMALLER)
            size.given = 0

    def _size(self, endpoint: str, token: bytes) -> _Size:
        return self._sizes.get((endpoint, token)) or _Size()
