"""How much the filters of one session may come to (spec 01, the end).

A view keeps its filters for as long as its subscription lives, and the index of live followers knows each of
them; so they are counted by about what that takes in memory, from before anything is done with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from minirelay.errors import invalid
from minirelay.protocol.envelope import Filter

LEAST_BYTES: Final = 64
"""What a filter counts at least, however short its id is: it takes two to four times that."""


@dataclass(frozen=True, slots=True)
class FilterLimits:
    """The bounds. id_bytes: of one filter's id. session_bytes: of all filters of a session together."""

    id_bytes: int
    session_bytes: int


class FilterQuota:
    """What the filters of one session's subscriptions come to, those under way included."""

    def __init__(self, limits: FilterLimits) -> None:
        """Begin without filters."""
        self._limits = limits
        self._taken = 0

    @property
    def taken_bytes(self) -> int:
        """Return what is taken now."""
        return self._taken

    def take(self, filters: Iterable[Filter]) -> int:
        """Count the filters of a subscription; gives what to give back. Raises Refusal INVALID."""
        size = 0
        for wanted in filters:
            id_bytes = len(wanted.object_id or b"")
            if id_bytes > self._limits.id_bytes:
                raise invalid(f"a filter's id has at most {self._limits.id_bytes} bytes, not {id_bytes}")
            size += max(id_bytes, LEAST_BYTES)
        if self._taken + size > self._limits.session_bytes:
            most = self._limits.session_bytes
            raise invalid(f"the filters of a session have at most {most} bytes together; cancel some")
        self._taken += size
        return size

    def give_back(self, size: int) -> None:
        """Take the filters of a subscription off again."""
        self._taken -= size
