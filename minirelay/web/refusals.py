"""What is refused to strangers, in the log: at once when it begins, then counted (spec 09, "Logs")."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from minirelay.log_repeats import SELF_COUNTED
from minirelay.metrics import ProxySigns

log = logging.getLogger(__name__)

INTERVAL_S: Final = 60.0
MAX_NAMED: Final = 256
"""Peers that are remembered as named; who comes when they are forgotten is named once more."""


class Refused(StrEnum):
    """What is refused, in the words of the log."""

    CONNECTIONS = "connections beyond limits.connections_per_address"
    SILENT = "connections beyond limits.silent_connections_per_address"
    FILES = "connections for want of file descriptors (limits.reserved_files, LimitNOFILE)"
    ALL = "connections beyond limits.max_connections"
    SESSIONS_OF_ADDRESS = "sessions beyond limits.sessions_per_address"
    REQUESTS_OF_ADDRESS = "forwarded requests beyond limits.connections_per_address"
    SESSION_RATE = "sessions beyond limits.connection_rate"
    ENROLMENT_RATE = "enrolments beyond limits.enrolment_rate"
    SESSIONS = "sessions beyond limits.max_sessions"
    NO_UPGRADE = (
        "sessions that did not ask for a WebSocket; a reverse proxy must pass Upgrade and Connection on"
    )


@dataclass(slots=True)
class _Count:
    due: float
    number: int = 0
    client: str = ""


class Refusals:
    """Counts what is refused."""

    def __init__(
        self,
        clock: Callable[[], float],
        interval_s: float = INTERVAL_S,
        *,
        signs: ProxySigns | None = None,
    ) -> None:
        """clock: monotonic, in seconds. interval_s: between two lines about the same.

        signs: is told of what looks like a proxy that is not set up.
        """
        self.signs = signs or ProxySigns()
        self._clock = clock
        self._interval_s = interval_s
        self._counts: dict[Refused, _Count] = {}
        self._named: OrderedDict[str, None] = OrderedDict()

    @property
    def named_count(self) -> int:
        """Count the peers that are remembered as named."""
        return len(self._named)

    def note(self, what: Refused, client: str) -> None:
        """Count one. client: the address that the line names; of several, the last one."""
        if what is Refused.NO_UPGRADE:
            self.signs.note_no_upgrade()
        count = self._counts.get(what)
        if count is None:
            count = self._counts[what] = _Count(self._clock())
        count.number += 1
        count.client = client
        if count.due <= self._clock():
            self._say(what, count)

    def note_forwarding(self, peer: str) -> None:
        """Name a peer that is refused and forwards the requests of others: probably the operator's proxy."""
        if peer in self._named:
            return
        self._named[peer] = None
        if len(self._named) > MAX_NAMED:
            self._named.popitem(last=False)
        log.warning(
            "refused, as one client, what a peer forwards for others: "
            "if it is your reverse proxy, put its address into trusted_proxies",
            extra={"peer": peer},
        )

    def say_due(self) -> None:
        """Log what was counted since a line that is old enough."""
        now = self._clock()
        for what, count in self._counts.items():
            if count.number and count.due <= now:
                self._say(what, count)

    def say_all(self) -> None:
        """Log what was counted and not said yet, because nothing more will be."""
        for what, count in self._counts.items():
            if count.number:
                self._say(what, count)

    def _say(self, what: Refused, count: _Count) -> None:
        # Health checks and browsers ask too; nobody has to do anything about them.
        level = logging.INFO if what is Refused.NO_UPGRADE else logging.WARNING
        extra = {"count": count.number, "last": count.client, **SELF_COUNTED}
        log.log(level, "refused: %s", what.value, extra=extra)
        count.number = 0
        count.due = self._clock() + self._interval_s
