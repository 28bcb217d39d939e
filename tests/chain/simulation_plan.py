"""What kind of a life a simulated poller has."""

from dataclasses import dataclass
from random import Random
from typing import cast

from minirelay.chain.confirmations import Confirmations
from tests.chain.model_node import NodeTraits
from tests.chain.simulated_watch import Depth

TRAITS = NodeTraits()


@dataclass(frozen=True)
class Plan:
    """Drawn by a seed. kills, downtimes: how likely at each poll. margin: where the first poll begins."""

    confirmations: Confirmations
    has_tags: bool
    block_s: int
    endpoints: int
    first_blocks: int
    margin: int
    polls: int
    deepest_fork: int
    kills: float
    downtimes: float

    @classmethod
    def of(cls, random: Random) -> "Plan":
        """Draw one."""
        confirmations: Confirmations = random.choice([1, 2, 3, 3, 12, "safe", "finalized"])
        has_tags = isinstance(confirmations, str) or random.random() < 0.5
        depth = depth_of(confirmations, has_tags)
        return cls(
            confirmations=confirmations,
            has_tags=has_tags,
            block_s=random.choice([1, 2, 12, 12]),
            endpoints=random.choice([1, 2, 2, 3]),
            first_blocks=random.choice([30, 200]),
            margin=random.choice([5, 60, 1000]),
            polls=random.choice([20, 40, 60]),
            # What is final never vanishes.
            deepest_fork=min(2 * depth.deep + 4, depth.final - 1),
            kills=random.choice([0.0, 0.1, 0.4]),
            downtimes=random.choice([0.0, 0.03, 0.1]),
        )


def depth_of(confirmations: Confirmations, has_tags: bool) -> Depth:
    """Say how many blocks have to lie above one that is deep, and above one that is final."""
    if isinstance(confirmations, int):
        deep = confirmations - 1
    else:
        deep = {"safe": TRAITS.safe_distance, "finalized": TRAITS.finalized_distance}[confirmations]
    final = TRAITS.finalized_distance if has_tags else max(64, 4 * cast("int", confirmations)) - 1
    return Depth(deep, max(deep, final), is_tagged=not isinstance(confirmations, int))
