"""What a run is: how much is measured, and on which relay."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from minirelay.bench.target import Target, own_relay


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
    idle_subscriptions: int = 10_000
    subscribers: int = 500
    large_shop: int = 100_000
    guests: int = 100_000
    orders: int = 100_000
    waiting_choices: int = 100
    polls: int = 50
    upload_bytes: int = 32 * 1024 * 1024
    uploads: int = 3
    disk_seconds: float = 20.0
    step_seconds: float = 0.2


FULL: Final = Plan()
QUICK: Final = Plan(
    listings=(100, 1000),
    rounds=3,
    writes=500,
    lone_writes=100,
    backlog_sets=2000,
    idle_subscriptions=2000,
    subscribers=50,
    large_shop=2000,
    guests=5000,
    orders=2000,
    waiting_choices=30,
    polls=10,
    uploads=1,
    disk_seconds=1.0,
    step_seconds=0.03,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """A run.

    tell: takes a line about what goes on, for the user. running: the relay to measure; None: relays of
    our own, a fresh one for each scenario. directory: for their files, None for the system's place.
    """

    plan: Plan
    tell: Callable[[str], None]
    running: Target | None = None
    directory: Path | None = None

    @contextmanager
    def target(self) -> Iterator[Target]:
        """Yield a relay while the block runs."""
        if self.running is not None:
            yield self.running
            return
        with own_relay(self.directory) as relay:
            yield relay.start()
