"""Connections that hold a place and ask for nothing: aiohttp waits for a request's head for ever."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol


class Waiting(Protocol):
    """A connection, as far as its end is concerned."""

    def give_up(self) -> None:
        """Close it at once, whether its client reads what was sent or not."""


class IdleConnections:
    """Knows which connections stand there without a request, and closes those that do for too long.

    Nothing that it does grows with the number of connections.
    """

    def __init__(
        self, first_request_timeout_s: float, idle_timeout_s: float, clock: Callable[[], float]
    ) -> None:
        """first_request_timeout_s: until the first request's head is there. idle_timeout_s: the next one's.

        clock: monotonic, in seconds.
        """
        self._clock = clock
        # Each is in the order of its deadlines, since all of one kind wait equally long.
        self._new = _Queue(first_request_timeout_s)
        self._idle = _Queue(idle_timeout_s)
        self.check_interval_s = min(first_request_timeout_s, idle_timeout_s, 4.0) / 4
        """How often `close_late` should be called."""

    def __len__(self) -> int:
        return len(self._new.deadlines) + len(self._idle.deadlines)

    def began(self, connection: Waiting) -> None:
        """Take note of a new connection."""
        self._new.add(connection, self._clock())

    def served(self, connection: Waiting) -> None:
        """Take note that a connection has asked for something, and has time now."""
        self._new.remove(connection)
        self._idle.remove(connection)

    def answered(self, connection: Waiting) -> None:
        """Take note that a connection was answered: it may read the answer, and ask again."""
        self._idle.add(connection, self._clock())

    def gone(self, connection: Waiting) -> None:
        """Forget a connection."""
        self.served(connection)

    def close_late(self) -> None:
        """Close the connections whose time is over."""
        now = self._clock()
        for queue in (self._new, self._idle):
            queue.close_late(now)


class _Queue:
    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.deadlines: OrderedDict[Waiting, float] = OrderedDict()

    def add(self, connection: Waiting, now: float) -> None:
        self.deadlines[connection] = now + self._timeout_s
        self.deadlines.move_to_end(connection)

    def remove(self, connection: Waiting) -> None:
        self.deadlines.pop(connection, None)

    def close_late(self, now: float) -> None:
        while self.deadlines:
            connection, deadline = next(iter(self.deadlines.items()))
            if deadline > now:
                return
            self.remove(connection)
            connection.give_up()
