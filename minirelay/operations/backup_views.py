"""Backups for the operator's page: which there are, and making one now."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from minirelay.errors import StoreError
from minirelay.event_loop import end_tasks
from minirelay.operations.backup_schedule import BackupSchedule
from minirelay.operations.manifest import read_manifest
from minirelay.operations.operator import OperatorError

Document = dict[str, Any]

MOST_LISTED: Final = 100
NOT_CONFIGURED: Final = "no backups are made by this relay; set backup.file"


class BackupViews:
    """Looks at the files; makes one at a time."""

    def __init__(self, schedule: BackupSchedule | None, target: Path | None, keep: int) -> None:
        """schedule: None if there is none. target: where the newest one is. keep: how many there are."""
        self._schedule = schedule
        self._target = target
        self._keep = keep
        self._making: asyncio.Task[bool] | None = None

    async def document(self) -> Document:
        """Describe what there is, the newest first."""
        target, schedule = self._target, self._schedule
        if target is None or schedule is None:
            return {"is_configured": False, "backups": []}
        return {
            "is_configured": True,
            "file": str(target),
            "keep": self._keep,
            "is_running": schedule.is_running,
            "due_in_s": int(await asyncio.to_thread(schedule.due_in_s)),
            "failure": schedule.failure,
            "backups": await asyncio.to_thread(_list, target, min(self._keep, MOST_LISTED)),
        }

    def start(self) -> None:
        """Begin to make one. Raises OperatorError if one is being made, or none are made here."""
        if self._schedule is None:
            raise OperatorError(NOT_CONFIGURED)
        if self._schedule.is_running:
            raise OperatorError("a backup is being made")
        self._making = asyncio.create_task(self._schedule.back_up())

    async def close(self) -> None:
        """End what was begun here."""
        if self._making is not None:
            await end_tasks(self._making)


def _list(target: Path, keep: int) -> list[Document]:
    names = [target, *(target.with_name(f"{target.name}.{number}") for number in range(1, keep))]
    return [one for one in map(_describe, names) if one is not None]


def _describe(path: Path) -> Document | None:
    try:
        size_bytes = path.stat().st_size
    except OSError:
        return None
    found: Document = {"file": str(path), "size_bytes": size_bytes, "made_at": None, "shops": None}
    with suppress(StoreError):
        manifest = read_manifest(path)
        if manifest is not None:
            current = manifest.current
            made_at = datetime.fromtimestamp(current.made_at, UTC).isoformat().replace("+00:00", "Z")
            found |= {
                "made_at": made_at,
                "shops": len(current.shops),
                "version": current.version,
                "schema": current.schema,
                "sha256": current.sha256,
            }
    return found
