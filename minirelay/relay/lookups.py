"""What one session has asked that has to be looked up in the store: one request after the other.

So whoever asks a thousand things at once takes one place among those who wait for the database, and the end
of a session has one task to cancel, however much it left unanswered.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from minirelay.errors import Refusal, StoreError, invalid
from minirelay.relay.memory_budget import Account
from minirelay.relay.messages import own_fault

log = logging.getLogger(__name__)

UNREADABLE: Final = "the relay cannot read its database, try again"


class _Lookup(NamedTuple):
    request_id: int
    answer: Callable[[], Awaitable[None]]
    size_bytes: int


class Lookups:
    """The requests of one session that wait to be looked up, in the order in which they came."""

    def __init__(self, account: Account, refuse: Callable[[int, Refusal], None]) -> None:
        """account: of the session, which holds them until they are answered.

        refuse: answers the request with this id with an error.
        """
        self._account = account
        self._refuse = refuse
        self._waiting: deque[_Lookup] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, request_id: int, answer: Callable[[], Awaitable[None]], size_bytes: int) -> None:
        """Take a request. answer: looks it up and answers it, or raises. size_bytes: what it costs."""
        self._account.hold(size_bytes)
        self._waiting.append(_Lookup(request_id, answer, size_bytes))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    def stop(self) -> None:
        """Answer nothing more."""
        if self._task is not None:
            # Kept, it and the error that ends it would hold each other.
            self._task.cancel()
            self._task = None
        self._account.hold(-sum(lookup.size_bytes for lookup in self._waiting))
        self._waiting.clear()

    async def _answer_all(self) -> None:
        while self._waiting:
            lookup = self._waiting.popleft()
            try:
                await self._answer(lookup)
            finally:
                self._account.hold(-lookup.size_bytes)
            # Some are answered without waiting for anything.
            await asyncio.sleep(0)
        self._task = None

    async def _answer(self, lookup: _Lookup) -> None:
        try:
            await lookup.answer()
        except Refusal as refusal:
            self._refuse(lookup.request_id, refusal)
        except StoreError as error:
            log.error("a request could not be answered: %s", error)
            self._refuse(lookup.request_id, invalid(UNREADABLE))
        except Exception:  # the task's only observer
            log.exception("a request could not be answered because of a bug")
            self._refuse(lookup.request_id, own_fault())
