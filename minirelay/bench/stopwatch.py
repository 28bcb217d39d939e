"""Timing of short pieces of work, in this thread: its own time on a core, whatever else the machine does."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final, TypeVar

T = TypeVar("T")

US_PER_S: Final = 1_000_000
_LEAST_PASSES: Final = 3


def time_each(work: Callable[[T], object], inputs: Sequence[T], seconds: float) -> float:
    """Time a function over inputs, again and again for that long; give µs for one, the median of the passes.

    With many different inputs, nothing that is cached in between looks cheaper than it is.
    """
    passes: list[float] = []
    end = time.perf_counter() + seconds
    while len(passes) < _LEAST_PASSES or time.perf_counter() < end:
        begin = time.thread_time()
        for one in inputs:
            work(one)
        passes.append(time.thread_time() - begin)
    return median(passes) / len(inputs) * US_PER_S
