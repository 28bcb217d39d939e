"""The nonces of one key card: each greater than all before it (spec 02 "SignedPatchSet")."""

import time
from collections.abc import Callable
from typing import Final

MAX_NONCE: Final = 2**64 - 1


def microseconds() -> int:
    """Read the clock: microseconds since 1970."""
    return time.time_ns() // 1000


class Nonces:
    """Hands out nonces that were never used, without a memory on disk.

    A nonce is the present time in microseconds, or one more than the last if that is not greater: so a
    program that starts again goes on above what it used before, unless its clock went back or it wrote more
    than a million sets a second. Sets of the same key card that come by in a subscription are taken note of
    as well.
    """

    def __init__(self, first: int | None = None, clock: Callable[[], int] = microseconds) -> None:
        """first: start counting here, and leave the clock alone. clock: gives microseconds."""
        if first is not None and not 1 <= first <= MAX_NONCE:
            raise ValueError("a nonce is between 1 and 2^64-1")
        self._last = 0 if first is None else first - 1
        self._clock = clock if first is None else _no_clock

    @property
    def last(self) -> int:
        """The greatest nonce known to be used; 0 if there is none."""
        return self._last

    def next(self) -> int:
        """Give a nonce that was not used yet. Raises ValueError when there is none left."""
        nonce = max(self._last + 1, self._clock())
        if nonce > MAX_NONCE:
            raise ValueError("this key card has used up its nonces")
        self._last = nonce
        return nonce

    def observe(self, nonce: int) -> None:
        """Take note that a nonce was used, perhaps by an earlier run of the same program."""
        self._last = max(self._last, nonce)


def _no_clock() -> int:
    return 0
