"""What the operator's page is told as it happens: how the relay is, made once for all who follow."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from minirelay.event_loop import end_tasks
from minirelay.operations.operator import OperatorError

log = logging.getLogger(__name__)

EVERY_S: Final = 2.0


class TooManyStreams(OperatorError):
    """So many follow already, or the relay stops."""


class LiveStatus:
    """Makes the document of `/v1/now` again and again while somebody follows, and not otherwise."""

    def __init__(
        self, document: Callable[[], Awaitable[dict[str, Any]]], most: int, every_s: float = EVERY_S
    ) -> None:
        """most: who follow at a time."""
        self._document = document
        self._most = most
        self._every_s = every_s
        self._followers: set[asyncio.Queue[str | None]] = set()
        self._work: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def follower_count(self) -> int:
        """Count who follow."""
        return len(self._followers)

    @asynccontextmanager
    async def followed(self) -> AsyncIterator["asyncio.Queue[str | None]"]:
        """Give a queue with the latest document, as text; None is the end. Raises TooManyStreams."""
        if self._is_closed or len(self._followers) >= self._most:
            raise TooManyStreams("too many pages are open; close one, or see limits.admin_streams")
        # Who does not take them in time gets the latest one.
        queue: asyncio.Queue[str | None] = asyncio.Queue(1)
        self._followers.add(queue)
        if self._work is None:
            self._work = asyncio.create_task(self._run())
        try:
            yield queue
        finally:
            self._followers.discard(queue)

    async def close(self) -> None:
        """Tell all that it is over; nobody follows any more."""
        self._is_closed = True
        self._tell(None)
        if self._work is not None:
            await end_tasks(self._work)

    async def _run(self) -> None:
        try:
            while self._followers:
                try:
                    self._tell(json.dumps(await self._document()))
                except Exception:  # the task's only observer; the next one may be better
                    log.exception("the operator's page could not be told how the relay is because of a bug")
                await asyncio.sleep(self._every_s)
        finally:
            self._work = None

    def _tell(self, text: str | None) -> None:
        for queue in self._followers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(text)
