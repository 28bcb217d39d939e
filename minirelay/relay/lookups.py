"""What one session has asked that has to be looked up in the store: one request after the other.

So whoever asks a thousand things at once takes one place among those who wait for the database, and the end
of a session has one task to cancel, however much it left unanswered.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from minirelay.relay.memory_budget import Account


class _Lookup(NamedTuple):
    answer: Callable[[], Awaitable[None]]
    size_bytes: int


class Lookups:
    """The requests of one session that wait to be looked up, in the order in which they came."""

    def __init__(self, account: Account) -> None:
        """account: of the session, which holds them until they are answered."""
        self._account = account
        self._waiting: deque[_Lookup] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, answer: Callable[[], Awaitable[None]], size_bytes: int) -> None:
        """Take a request. answer: looks it up and answers it; raises nothing. size_bytes: what it costs."""
        self._account.hold(size_bytes)
        self._waiting.append(_Lookup(answer, size_bytes))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer())

    def stop(self) -> None:
        """Answer nothing more."""
        if self._task is not None:
            self._task.cancel()
        self._account.hold(-sum(lookup.size_bytes for lookup in self._waiting))
        self._waiting.clear()

    async def _answer(self) -> None:
        while self._waiting:
            lookup = self._waiting.popleft()
            try:
                await lookup.answer()
            finally:
                self._account.hold(-lookup.size_bytes)
            # Some are answered without waiting for anything.
            await asyncio.sleep(0)
        self._task = None
