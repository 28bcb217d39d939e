"""What decimals tokens had, remembered over restarts: a change is an alert (spec 07 "Prices")."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from minirelay.errors import StoreError
from minirelay.shop.issued_requests import DAY_S, Place
from minirelay.store.database import Store
from minirelay.store.decimals_rows import DecimalsRows, decimals_key

MOST_NEW_A_DAY: Final = 1000
"""So many more tokens are remembered in a day of one run: whoever writes a shop's manifest names tokens."""

log = logging.getLogger(__name__)


class DecimalsMemory(Protocol):
    """Remembers the decimals of tokens."""

    async def note(self, token: Place, decimals: int) -> int | None:
        """Remember what a token has now; return what it had, if that is known. Raises nothing."""


class NoMemory:
    """Remembers nothing."""

    async def note(self, token: Place, decimals: int) -> None:
        """Return None."""


class StoredDecimals:
    """Remembers them in the database."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        """now: the relay's clock, aware."""
        self._store = store
        self._now = now
        self._new = 0
        self._new_since = 0

    async def note(self, token: Place, decimals: int) -> int | None:
        """Remember what a token has now; return what it had, if that is known. Raises nothing."""
        try:
            return await self._note(token, decimals)
        except StoreError as error:
            log.warning("the decimals of a token could not be remembered", extra={"reason": str(error)})
            return None

    async def _note(self, token: Place, decimals: int) -> int | None:
        stored = await self._store.reader.get_meta(decimals_key(token))
        before = None if stored is None else int.from_bytes(stored)
        now = int(self._now().timestamp())
        if before != decimals and (before is not None or self._has_room(now)):
            await self._store.writer.commit(DecimalsRows(token, decimals, before, now))
        return before

    def _has_room(self, now: int) -> bool:
        if now - self._new_since >= DAY_S:
            self._new, self._new_since = 0, now
        self._new += 1
        return self._new <= MOST_NEW_A_DAY
