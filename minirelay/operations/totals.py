"""How much there is of everything in the database, counted now and then for whoever wants to know."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from minirelay.errors import StoreError
from minirelay.store.reader import Reader
from minirelay.store.totals import Totals

log = logging.getLogger(__name__)

FRESH_S: Final = 5.0
"""Counting goes through indices: so often at most, however often somebody asks."""


class KnownTotals:
    """Counts once for all who ask at a time."""

    def __init__(self, reader: Reader, most_shops: int, clock: Callable[[], float] = time.monotonic) -> None:
        """most_shops: so many, those with the longest logs, are told by name. clock: in seconds."""
        self._reader = reader
        self._most_shops = most_shops
        self._clock = clock
        self._known: Totals | None = None
        self._counted_at = float("-inf")
        self._counting: asyncio.Task[None] | None = None

    async def get(self) -> Totals | None:
        """Return how much there is, or was a moment ago; None while the database can't be asked."""
        if self._counting is None and self._clock() - self._counted_at >= FRESH_S:
            self._counting = asyncio.create_task(self._count())
        if self._counting is not None:
            # Shielded: whoever asked may leave, others wait for the same answer.
            await asyncio.shield(self._counting)
        return self._known

    async def _count(self) -> None:
        try:
            self._known = await self._reader.totals(self._most_shops)
        except StoreError as error:
            log.warning("what the database holds could not be counted", extra={"reason": str(error)})
            self._known = None
        finally:
            self._counted_at = self._clock()
            self._counting = None
