"""Which payment addresses are looked at next (spec 07 "A poll").

Those of young requests at each poll, older ones every minute, and the rest, for which money settles nothing
any more, in turns. Of each there is a most that one poll looks at: so its work has a bound, however many
guests have chosen to pay, and only the turn gets longer.
"""

from collections import OrderedDict
from collections.abc import Iterable
from enum import IntEnum
from itertools import islice, takewhile
from typing import Final

YOUNG_S: Final = 1800
OLD_INTERVAL_S: Final = 60
MOST_YOUNG: Final = 2000
"""The newest; those before them are looked at like old ones. As many cost one poll 150 ms (spec 07)."""

MOST_OLD: Final = 2000
MOST_OF_THE_REST: Final = 1000


class Importance(IntEnum):
    """How soon an address is looked at again."""

    OPEN = 1
    REST = 2


class LookSchedule:
    """What there is to look at, by PaymentID; times in epoch seconds by the relay's clock."""

    def __init__(self) -> None:
        """Start with nothing to look at."""
        self._young: OrderedDict[bytes, int] = OrderedDict()
        self._old: OrderedDict[bytes, int] = OrderedDict()
        self._rest: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._young) + len(self._old) + len(self._rest)

    @property
    def open_count(self) -> int:
        """Count those that are looked at soon."""
        return len(self._young) + len(self._old)

    def put(self, request_id: bytes, importance: Importance, issued_at: int) -> None:
        """Enter one, or say how important it is now."""
        if importance is Importance.OPEN:
            self._rest.pop(request_id, None)
            if request_id not in self._young and request_id not in self._old:
                self._young[request_id] = issued_at
            if len(self._young) > MOST_YOUNG:
                self._grow_old(next(iter(self._young)))
        elif request_id not in self._rest:
            self.remove(request_id)
            self._rest[request_id] = 0
            self._rest.move_to_end(request_id, last=False)

    def remove(self, request_id: bytes) -> None:
        """Look at one no more."""
        for group in (self._young, self._old, self._rest):
            group.pop(request_id, None)

    def due(self, now: int) -> list[bytes]:
        """List what is to be looked at now, the most important first, then what waits longest."""
        self._age(now)
        old = takewhile(lambda one: one[1] <= now - OLD_INTERVAL_S, self._old.items())
        # The newest first: somebody stands before the screen.
        return [
            *reversed(self._young),
            *(request_id for request_id, _ in islice(old, MOST_OLD)),
            *islice(self._rest, MOST_OF_THE_REST),
        ]

    def hurry(self, request_id: bytes) -> None:
        """Look at one at the next poll, if it is among those that matter soon."""
        if request_id in self._old:
            self._old[request_id] = 0
            self._old.move_to_end(request_id, last=False)

    def looked(self, request_ids: Iterable[bytes], now: int) -> None:
        """Take note of what was looked at."""
        for request_id in request_ids:
            for group in (self._old, self._rest):
                if request_id in group:
                    group[request_id] = now
                    group.move_to_end(request_id)

    def _age(self, now: int) -> None:
        while self._young:
            request_id, issued_at = next(iter(self._young.items()))
            if issued_at > now - YOUNG_S:
                return
            self._grow_old(request_id)

    def _grow_old(self, request_id: bytes) -> None:
        del self._young[request_id]
        self._old[request_id] = 0
        self._old.move_to_end(request_id, last=False)
