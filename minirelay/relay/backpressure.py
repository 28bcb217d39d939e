"""When a client's next frame is read: not with much of what it asked unanswered, or answered and not sent."""

import asyncio
from collections.abc import Callable
from typing import Final

from minirelay.relay.memory_budget import Account

REQUEST_BYTES: Final = 2048
"""What a request that is being answered costs beside its bytes: a task, or its place in the sequencer."""

WRITE_COPIES: Final = 2
"""Of an unanswered write's bytes: as it came, and as it is pushed."""


class Backpressure:
    """What one client has to wait for before more is read from it."""

    def __init__(self, most_bytes: int, account: Account, is_output_full: Callable[[], bool]) -> None:
        """most_bytes: of unanswered writes. account: of the session.

        is_output_full: whether so much waits to be sent that nothing should be read.
        """
        self._most_bytes = most_bytes
        self._account = account
        self._is_output_full = is_output_full
        self._unanswered_bytes = 0
        self._is_over = False
        self._changed = asyncio.Event()
        self._is_awaited = False

    @property
    def unanswered_bytes(self) -> int:
        """Return how long this client's unanswered writes are together."""
        return self._unanswered_bytes

    @property
    def has_much_unanswered(self) -> bool:
        """Return whether nothing is read for the sake of the writes alone."""
        return self._unanswered_bytes >= self._most_bytes

    @property
    def may_receive(self) -> bool:
        """Return whether the client's next frame should be read now."""
        return self._is_over or (self._unanswered_bytes < self._most_bytes and not self._is_output_full())

    async def wait(self) -> None:
        """Wait until enough of this client's writes are answered, and enough of its answers have left."""
        while not self.may_receive:
            self._changed.clear()
            self._is_awaited = True
            await self._changed.wait()

    def took_write(self, size_bytes: int) -> None:
        """Count a write that is to be answered."""
        self._unanswered_bytes += size_bytes
        self._account.hold(WRITE_COPIES * size_bytes + REQUEST_BYTES)

    def settled_write(self, size_bytes: int) -> None:
        """Take a write off again."""
        self._unanswered_bytes -= size_bytes
        self._account.hold(-WRITE_COPIES * size_bytes - REQUEST_BYTES)
        if self._is_awaited:
            self.note_change()

    def note_change(self) -> None:
        """Take note that less may wait to be sent."""
        self._is_awaited = False
        self._changed.set()

    def end(self) -> None:
        """Hold up no reader any more: the session is over."""
        self._is_over = True
        # What was asked knows the session, which knows this.
        self._is_output_full = _is_never_full
        self.note_change()


def _is_never_full() -> bool:
    return False
