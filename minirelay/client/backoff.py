"""How long to wait between attempts to connect again."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """A growing wait, so that a relay that comes back is not trampled down.

    first_s, most_s: the first wait and the longest, in seconds. factor: what each is longer than the one
    before. jitter: how much of each wait is left to chance, from 0 to 1. attempts: after so many give up;
    None: never.
    """

    first_s: float = 0.2
    most_s: float = 30.0
    factor: float = 2.0
    jitter: float = 0.5
    attempts: int | None = None

    def waits(self, random: Random) -> Iterator[float]:
        """Give the wait, in seconds, after each failed attempt; it ends when it is time to give up."""
        wait_s = self.first_s
        failed = 0
        while self.attempts is None or failed + 1 < self.attempts:
            failed += 1
            yield wait_s * (1 - self.jitter * random.random())
            wait_s = min(wait_s * self.factor, self.most_s)
