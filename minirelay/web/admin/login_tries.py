"""Logins that failed: from one address, a few at once and then one every few seconds."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from minirelay.web.client_address import counted_as

AT_ONCE: Final = 10
EVERY_S: Final = 6.0
"""So long until an address that used its tries up has one more."""

MOST_ADDRESSES: Final = 1024


class LoginTries:
    """Counts failures by address; one that has used its tries up is not even looked at."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """clock: monotonic, in seconds."""
        self._clock = clock
        # When all is forgotten of an address: as many steps ahead as it has failed. The oldest first.
        self._forgotten_at: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return how long an address has to wait for its next try, 0 if it may try."""
        ahead_s = self._forgotten_at.get(counted_as(address), 0.0) - self._clock()
        return max(0.0, ahead_s - (AT_ONCE - 1) * EVERY_S)

    def note_failure(self, address: str) -> None:
        """Take note that a try failed."""
        key, now = counted_as(address), self._clock()
        self._forgotten_at[key] = max(self._forgotten_at.get(key, now), now) + EVERY_S
        self._forgotten_at.move_to_end(key)
        if len(self._forgotten_at) > MOST_ADDRESSES:
            self._forgotten_at.popitem(last=False)
