"""Who needs a chain, and calls for it to be polled at once."""

import asyncio
from contextlib import suppress


class PollCalls:
    """The needs of those who wait for one chain, as its loop sees them."""

    def __init__(self) -> None:
        self._called = asyncio.Event()
        self._is_needed = False
        self._waiting = 0

    @property
    def is_needed(self) -> bool:
        """Return whether anybody needs the chain to be polled at its pace."""
        return self._is_needed or self._waiting > 0

    def call(self) -> None:
        """Have it polled at once: something new is open."""
        self._called.set()

    def need(self, is_needed: bool) -> None:
        """Take note whether a shop in use takes payments on the chain; if it is the first, poll at once."""
        if is_needed and not self._is_needed:
            self.call()
        self._is_needed = is_needed

    def begin_waiting(self) -> None:
        """Take note that a write waits for the head: it is read at once."""
        self._waiting += 1
        self.call()

    def end_waiting(self) -> None:
        """Take note that it waits no more."""
        self._waiting -= 1

    def clear(self) -> None:
        """Forget the calls up to now: a poll begins."""
        self._called.clear()

    async def wait(self, timeout_s: float) -> None:
        """Wait until it is called, or for so long."""
        # Not `wait_for`: called and cancelled at once, it forgets the latter before Python 3.12.
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._called.wait()
