"""Backups by the clock, made by a process of their own: replaying all logs is work (spec 09)."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from minirelay.errors import StoreError
from minirelay.operations.manifest import read_manifest

NICE: Final = 10
"""Sessions and writes come first."""

RETRY_S: Final = 3600.0
"""When a backup that failed is tried again, if the next one is not due before."""

MOST_WORDS: Final = 400
"""Characters of what a failed backup says."""

log = logging.getLogger(__name__)


class BackupSchedule:
    """Makes a backup each time that one is due."""

    def __init__(
        self,
        data_dir: Path,
        target: Path,
        now: Callable[[], datetime],
        *,
        interval_s: float,
        keep: int,
        floor_bytes: int = 0,
        is_disk_low: Callable[[], bool] = lambda: False,
    ) -> None:
        """target: where the newest one is. keep: how many there are. now: the relay's clock.

        floor_bytes: of free space, at which one that is being made gives up. is_disk_low: from memory;
        meanwhile none is begun.
        """
        self._data_dir = data_dir
        self._target = target
        self._now = now
        self._interval_s = interval_s
        self._keep = keep
        self._floor_bytes = floor_bytes
        self._is_disk_low = is_disk_low
        self.failure: str | None = None
        """Why the last backup was not made; None if it was, or none was tried yet."""
        self.was_tried = False
        self._turn = asyncio.Lock()

    @property
    def is_running(self) -> bool:
        """Return whether one is being made."""
        return self._turn.locked()

    async def run(self) -> None:
        """Back up whenever it is time, until cancelled."""
        retry_s = 0.0
        while True:
            await asyncio.sleep(max(self.due_in_s(), retry_s))
            is_made = await self.back_up()
            retry_s = 0.0 if is_made else min(RETRY_S, self._interval_s)

    def due_in_s(self) -> float:
        """Return when the next backup is due, in seconds: now, if there is none."""
        with suppress(StoreError):
            manifest = read_manifest(self._target)
            if manifest is not None and self._target.exists():
                age_s = self._now().timestamp() - manifest.current.made_at
                # A clock that was set back makes no backup wait for longer than the interval.
                return min(max(self._interval_s - age_s, 0.0), self._interval_s)
        return 0.0

    async def back_up(self) -> bool:
        """Make a backup, one at a time; return whether it was made. `failure` says why not."""
        async with self._turn:
            self.failure = await self._make()
        self.was_tried = True
        extra = {"file": str(self._target), "reason": self.failure}
        if self.failure is None:
            log.info("a backup was made", extra={"file": str(self._target)})
        else:
            log.error("a backup failed", extra=extra)
        return self.failure is None

    async def _make(self) -> str | None:
        """Make a backup; return why that failed, None if it did not."""
        if self._is_disk_low():
            return "the disk of the data directory is nearly full (disk_floor)"
        process = await asyncio.create_subprocess_exec(
            *self._command(), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        try:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
            _, said = await process.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            # To the end of its pipe: what is left open would be closed by the garbage collector, at any time.
            await process.communicate()
            raise
        if process.returncode == 0:
            return None
        return _last_line(said) or f"it ended with exit code {process.returncode}"

    def _command(self) -> tuple[str, ...]:
        arguments = ("backup", str(self._target), "--keep", str(self._keep))
        floor = ("--set", f"disk_floor={self._floor_bytes}")
        return (sys.executable, "-m", "minirelay", *arguments, "--data-dir", str(self._data_dir), *floor)


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("minirelay: ")[:MOST_WORDS] if lines else ""
