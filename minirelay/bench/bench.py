"""What every scenario is given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minirelay.bench.own_relay import own_relay
from minirelay.bench.plan import Plan
from minirelay.bench.subject import Subject


@dataclass(frozen=True, slots=True)
class Bench:
    """A run.

    tell: takes a line about what goes on, for whoever waits. running: the relay to measure; None: relays of
    our own, a fresh one for each scenario. directory: for their files, None for the system's place.
    """

    plan: Plan
    tell: Callable[[str], None]
    running: Subject | None = None
    directory: Path | None = None

    @contextmanager
    def subject(self) -> Iterator[Subject]:
        """Give a relay while the block runs."""
        if self.running is not None:
            yield self.running
            return
        with own_relay(self.directory) as relay:
            yield relay.start()
