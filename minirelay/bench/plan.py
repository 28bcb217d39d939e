"""How much is measured: the sizes of a run."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes. listings: of the shops that are written to, ascending. rounds: of `writes` writes at each size.

    A round's figures go up and down with what else the machine does; the median of the rounds is told.
    """

    listings: tuple[int, ...] = (100, 1000, 10_000, 100_000)
    in_flight: int = 64
    rounds: int = 5
    writes: int = 2000
    lone_writes: int = 500
    backlog_sets: int = 20_000
    subscribers: int = 500
    large_shop: int = 100_000
    step_seconds: float = 0.2


FULL: Final = Plan()
QUICK: Final = Plan(
    listings=(100, 1000),
    rounds=3,
    writes=500,
    lone_writes=100,
    backlog_sets=2000,
    subscribers=50,
    large_shop=2000,
    step_seconds=0.03,
)
