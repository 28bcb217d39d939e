"""`GET /health`: does the database take writes, does the event loop turn? (spec 08)"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from minirelay.errors import StoreError

log = logging.getLogger(__name__)

DEADLINE_S: Final = 5.0
FRESH_S: Final = 0.5
"""How long a result stands for all who ask, however many they are."""


class HealthEndpoint:
    """Asks the database and the loop, once for all who want to know at a time."""

    def __init__(
        self,
        write_check: Callable[[], Awaitable[None]],
        *,
        clock: Callable[[], float] = time.monotonic,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """write_check: makes sure that the database takes writes; raises StoreError. clock: in seconds."""
        self._write_check = write_check
        self._clock = clock
        self._deadline_s = deadline_s
        self._check: asyncio.Task[list[str]] | None = None
        self._checked_at = float("-inf")
        self._is_failing = False

    async def get(self, _request: web.Request) -> web.Response:
        """Answer 200 `health OK`, or 500 and what failed."""
        return await self.check()

    async def check(self) -> web.Response:
        """Make the answer."""
        failures = await self.failures()
        if failures:
            return web.Response(status=500, text=f"health FAILED: {'; '.join(failures)}")
        return web.Response(text="health OK")

    async def failures(self) -> list[str]:
        """List what failed, the same for all who ask at a time."""
        if self._check is None or (self._check.done() and self._clock() - self._checked_at >= FRESH_S):
            self._check = asyncio.create_task(self._failures())
        # Shielded: whoever asked may leave, others wait for the same answer.
        return list(await asyncio.shield(self._check))

    async def _failures(self) -> list[str]:
        failures = [failure for failure in (await self._ask_loop(), await self._ask_store()) if failure]
        self._checked_at = self._clock()
        return failures

    async def _ask_store(self) -> str:
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._write_check()
        except TimeoutError:
            return f"the database did not take a write within {self._deadline_s:g} s"
        except StoreError as error:
            if not self._is_failing:
                log.error("the database does not take writes", extra={"reason": str(error)})
            self._is_failing = True
            return "the database does not take writes"
        if self._is_failing:
            log.info("the database takes writes again")
        self._is_failing = False
        return ""

    async def _ask_loop(self) -> str:
        asked_at = self._clock()
        await asyncio.sleep(0)
        took_s = self._clock() - asked_at
        return f"a turn of the event loop took {took_s:.1f} s" if took_s > self._deadline_s else ""
