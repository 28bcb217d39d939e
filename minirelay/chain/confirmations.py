"""From which depth a block counts, and from which it will not vanish (spec 07 "Heads")."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Tag = Literal["safe", "finalized"]
Confirmations = int | Tag
"""A depth, from 1, or a tag that the endpoints know."""

DEVELOPMENT_CONFIRMATIONS: Final = 1
OTHER_CONFIRMATIONS: Final = 12

_OP_STACK: Final = (
    *(
        10,
        130,
        252,
        288,
        291,
        480,
        690,
        957,
        1135,
        1750,
        1868,
        5000,
        8453,
        34443,
        57073,
        60808,
        81457,
        7777777,
    ),
    *(84532, 11155420),
)
_ARBITRUM: Final = (42161, 42170, 421614)
_POLYGON: Final = (137, 80002)
_BY_CHAIN: Final[Mapping[int, int]] = {
    1: 3,
    **dict.fromkeys(_OP_STACK, 3),
    **dict.fromkeys(_ARBITRUM, 20),
    **dict.fromkeys(_POLYGON, 32),
}

_FINAL_FACTOR: Final = 4
_FINAL_DEPTH: Final = 64


def default_confirmations(chain_id: int, *, is_development: bool) -> int:
    """Return how deep a block has to be on a chain of which nothing is said."""
    if is_development:
        return DEVELOPMENT_CONFIRMATIONS
    return _BY_CHAIN.get(chain_id, OTHER_CONFIRMATIONS)


class Depths(msgspec.Struct, frozen=True):
    """When a block of one chain is deep, and when it is final.

    Tagged blocks come in as their numbers, None where an endpoint does not have the tag.
    """

    confirmations: Confirmations
    is_development: bool = False

    @property
    def in_blocks(self) -> int:
        """Return how deep a block has to be where no tag is asked for."""
        return self.confirmations if isinstance(self.confirmations, int) else _FINAL_DEPTH

    def tags(self) -> tuple[Tag, ...]:
        """List the tags that matter: the one that says what is deep first, if one does."""
        if self.is_development:
            return () if isinstance(self.confirmations, int) else (self.confirmations,)
        return ("safe", "finalized") if self.confirmations == "safe" else ("finalized",)

    def deep_number(self, head: int, tagged: Mapping[Tag, int | None]) -> int:
        """Return the newest number that is deep, by the head's; -1 if there is none."""
        if isinstance(self.confirmations, int):
            return max(-1, head - self.confirmations + 1)
        number = tagged.get(self.confirmations)
        return -1 if number is None else min(head, number)

    def final_number(self, head: int, tagged: Mapping[Tag, int | None]) -> int:
        """Return the newest number that is final, by the head's; -1 if there is none. It is deep, too."""
        deep = self.deep_number(head, tagged)
        if self.is_development:
            return deep
        finalized = tagged.get("finalized")
        if finalized is not None:
            return min(deep, finalized)
        depth = self.confirmations * _FINAL_FACTOR if isinstance(self.confirmations, int) else 0
        return min(deep, max(-1, head - max(depth, _FINAL_DEPTH) + 1))
