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
from minirelay.store.operator_alerts import BACKUP_FAILED, OperatorAlert
from minirelay.store.writer import Writer

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
        writer: Writer,
        now: Callable[[], datetime],
        *,
        interval_s: float,
        keep: int,
    ) -> None:
        """target: where the newest one is. keep: how many there are. now: the relay's clock."""
        self._data_dir = data_dir
        self._target = target
        self._writer = writer
        self._now = now
        self._interval_s = interval_s
        self._keep = keep

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
        """Make a backup; return whether it was made. One that fails raises an alert."""
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
            await process.wait()
            raise
        if process.returncode == 0:
            log.info("a backup was made", extra={"file": str(self._target)})
            return True
        await self._tell(_last_line(said) or f"it ended with exit code {process.returncode}")
        return False

    def _command(self) -> tuple[str, ...]:
        arguments = ("backup", str(self._target), "--keep", str(self._keep))
        return (sys.executable, "-m", "minirelay", *arguments, "--data-dir", str(self._data_dir))

    async def _tell(self, reason: str) -> None:
        log.error("a backup failed", extra={"file": str(self._target), "reason": reason})
        alert = OperatorAlert(BACKUP_FAILED, reason, int(self._now().timestamp()))
        with suppress(StoreError):  # a disk that takes nothing says so elsewhere
            await self._writer.commit(alert)


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("minirelay: ")[:MOST_WORDS] if lines else ""
