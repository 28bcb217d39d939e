"""What one session has asked that has to be looked up in the store: one request after the other.

So who asks a thousand things at once takes one place among those who wait for the database, and the end
of a session has one task to cancel, however much it left unanswered.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from minirelay.errors import Refusal, StoreError, invalid
from minirelay.relay.memory_budget import Account
from minirelay.relay.messages import FindCard, Subscribe, own_fault

log = logging.getLogger(__name__)

UNREADABLE: Final = "the relay cannot read its database, try again"


LookUp = FindCard | Subscribe


# A flood waits in thousands of them: nothing that the garbage collector would have to go through.
class _Waiting(msgspec.Struct, gc=False):
    effect: LookUp
    size_bytes: int


class Lookups:
    """The requests of one session that wait to be looked up, in the order in which they came."""

    def __init__(
        self,
        account: Account,
        answer: Callable[[LookUp], Awaitable[None]],
        refuse: Callable[[int, Refusal], None],
    ) -> None:
        """account: of the session, which holds them until they are answered.

        answer: looks one up and answers it, or raises. refuse: answers the request with this id by an error.
        """
        self._account = account
        self._look_up = answer
        self._refuse = refuse
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, effect: LookUp, size_bytes: int) -> None:
        """Take a request. size_bytes: what it costs."""
        self._account.hold(size_bytes)
        self._waiting.append(_Waiting(effect, size_bytes))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    def stop(self) -> None:
        """Answer nothing more."""
        if self._task is not None:
            # Kept, it and the error that ends it would hold each other.
            self._task.cancel()
            self._task = None
        self._account.hold(-sum(one.size_bytes for one in self._waiting))
        self._waiting.clear()
        # They know the session, which knows this, and would wait for the collector together.
        self._look_up, self._refuse = _look_nothing_up, _refuse_nothing

    async def _answer_all(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            try:
                await self._answer(waiting.effect)
            finally:
                self._account.hold(-waiting.size_bytes)
            # Some are answered without waiting for anything.
            await asyncio.sleep(0)
        self._task = None

    async def _answer(self, effect: LookUp) -> None:
        try:
            await self._look_up(effect)
        except Refusal as refusal:
            self._refuse(effect.request_id, refusal)
        except StoreError as error:
            log.error("a request could not be answered: %s", error, extra=_named(effect))
            self._refuse(effect.request_id, invalid(UNREADABLE))
        except Exception:  # the task's only observer
            log.exception("a request could not be answered because of a bug", extra=_named(effect))
            self._refuse(effect.request_id, own_fault())


def _named(effect: LookUp) -> dict[str, object]:
    return {"request_id": effect.request_id}


async def _look_nothing_up(_: LookUp) -> None:
    """Answer nothing: the session is over."""


def _refuse_nothing(_request_id: int, _refusal: Refusal) -> None:
    """Refuse nothing: the session is over."""
