"""How many questions an endpoint takes at once: less when it fails, more again after a while."""

from typing import Final

MAX_BATCH: Final = 100
"""Spec 07, "A poll": what endpoints usually take at once."""

SIZES: Final = (1, 3, 10, MAX_BATCH)
"""Some free endpoints take three."""
FIRST_TRIAL_S: Final = 600.0
LONGEST_TRIAL_S: Final = 86_400.0
"""How long until a larger size is tried again: twice as long each time that it turns out to be too large."""


class BatchSize:
    """The size of one endpoint's batches."""

    def __init__(self) -> None:
        self._size = MAX_BATCH
        self._trial_s = FIRST_TRIAL_S
        self._grows_at = float("inf")

    def current(self, now: float) -> int:
        """Return how many questions to ask at once. now: monotonic."""
        if now >= self._grows_at:
            self._size = next(size for size in SIZES if size > self._size)
            self._grows_at = float("inf") if self._size == MAX_BATCH else now + self._trial_s
        return self._size

    def shrink(self, failed: int, now: float) -> None:
        """Take note that a batch of that many, more than one, was not answered as it should."""
        smaller = smaller_than(failed)
        if smaller < self._size:
            self._size = smaller
            self._grows_at = now + self._trial_s
            self._trial_s = min(2 * self._trial_s, LONGEST_TRIAL_S)


def smaller_than(failed: int) -> int:
    """Return the size to try after a batch of that many."""
    return max((size for size in SIZES if size < failed), default=1)
