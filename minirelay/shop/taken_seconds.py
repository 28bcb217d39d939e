"""Seconds that are taken: TTLs of requests that are otherwise the same (spec 06 "PaymentDetails", TTL)."""

from bisect import bisect_right
from collections.abc import Iterable


class TakenSeconds:
    """A set of seconds, kept as runs: they are mostly taken one behind the other, however many there are."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, seconds: Iterable[int] = ()) -> None:
        """Start from seconds in any order."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        for second in sorted(seconds):
            if self._ends and second <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], second + 1)
            else:
                self._starts.append(second)
                self._ends.append(second + 1)

    def add(self, second: int) -> None:
        """Take a second."""
        at = bisect_right(self._starts, second)
        if at and second < self._ends[at - 1]:
            return
        joins_left = at > 0 and self._ends[at - 1] == second
        joins_right = at < len(self._starts) and self._starts[at] == second + 1
        if joins_left and joins_right:
            self._ends[at - 1] = self._ends.pop(at)
            del self._starts[at]
        elif joins_left:
            self._ends[at - 1] = second + 1
        elif joins_right:
            self._starts[at] = second
        else:
            self._starts.insert(at, second)
            self._ends.insert(at, second + 1)

    def first_free(self, second: int) -> int:
        """Return the first second, from this one on, that is not taken."""
        at = bisect_right(self._starts, second)
        return max(second, self._ends[at - 1]) if at else second

    def drop_before(self, second: int) -> bool:
        """Forget runs that ended before; say whether there are any others."""
        ended = bisect_right(self._ends, second)
        del self._starts[:ended], self._ends[:ended]
        return bool(self._starts)
