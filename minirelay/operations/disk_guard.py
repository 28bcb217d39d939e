"""How much room the disk of the data directory has left (spec 09, "Disk").

Below the floor nothing more that clients send is stored, so that there is room for what the relay itself has
to write: that an order is paid, an alert, how far a chain was read.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOOK_EVERY_S: Final = 3.0
"""At the speed of an SD card some 60 MB are written meanwhile, which the floor has room for."""

WARNS_AT: Final = 2
"""So many floors are the level below which a person should know."""

log = logging.getLogger(__name__)


def free_bytes(directory: Path) -> int:
    """Return what users other than root may still write to the disk of a directory. Raises OSError."""
    return shutil.disk_usage(directory).free


class DiskGuard:
    """Looks again and again, and tells from memory."""

    def __init__(
        self, directory: Path, floor_bytes: int, measure: Callable[[Path], int] = free_bytes
    ) -> None:
        """floor_bytes: 0 for none. measure: returns what is free; raises OSError."""
        self.floor_bytes = floor_bytes
        self.free_bytes: int | None = None
        """As of the last look; None if there was none yet."""
        self._directory = directory
        self._measure = measure
        self._is_low = self._is_near = self._is_unknown = False

    def is_low(self) -> bool:
        """Return whether less than the floor is free, or was, and not clearly more is since."""
        return self._is_low

    def is_near(self) -> bool:
        """Return whether the floor is near, or passed: a person should make room."""
        return self._is_near

    async def run(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.look()

    async def look(self) -> None:
        """Look once. Where that is not possible, what was known stays."""
        try:
            # A disk that hangs must not hold the loop.
            free = await asyncio.to_thread(self._measure, self._directory)
        except OSError as error:
            if not self._is_unknown:
                log.warning("free disk space could not be read", extra={"reason": str(error)})
            self._is_unknown = True
            return
        self._is_unknown = False
        self.free_bytes = free
        self._is_near = _is_below(free, WARNS_AT * self.floor_bytes, self._is_near)
        was_low, self._is_low = self._is_low, _is_below(free, self.floor_bytes, self._is_low)
        if self._is_low != was_low:
            self._tell()

    def _tell(self) -> None:
        extra = {"free": self.free_bytes, "disk_floor": self.floor_bytes}
        if self._is_low:
            log.error("the disk is nearly full: clients' writes are refused", extra=extra)
        else:
            log.info("the disk has room again: clients may write", extra=extra)


def _is_below(free: int, level: int, was_below: bool) -> bool:
    """Say whether what is free is below a level; once it was, an eighth more ends it, or it would flutter."""
    return free < level + (level // 8 if was_below else 0)
