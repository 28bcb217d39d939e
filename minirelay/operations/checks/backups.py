"""Whether there is a backup, and how old it is."""

from datetime import UTC, datetime
from pathlib import Path

from minirelay.config.backup import BackupSettings
from minirelay.errors import StoreError
from minirelay.operations.checks.result import Line, Result, fail, ok, warn
from minirelay.operations.last_backup import recall_backup
from minirelay.operations.manifest import read_manifest
from minirelay.protocol.json_rpc import printable


def check_backups(settings: BackupSettings, data_dir: Path, now: float) -> Result:
    """Say when the last backup was made, by the relay or by `minirelay backup`. now: epoch seconds."""
    target = settings.file
    try:
        if target is None:
            return _check_others(recall_backup(data_dir), settings.interval, now)
        made_at = _made_at(target)
    except StoreError as error:
        return fail(Line.BACKUPS, str(error), "make another one: minirelay backup FILE")
    if made_at is None:
        remedy = f"start the relay, or run: minirelay backup {target}"
        return warn(Line.BACKUPS, f"{target} was not made yet", remedy)
    if now - made_at > 2 * settings.interval:
        remedy = f"look for an alert (minirelay alerts), and whether the place of {target} has room"
        return fail(Line.BACKUPS, f"the last is of {_shown(made_at)}, which is long ago", remedy)
    return ok(Line.BACKUPS, f"the last is of {_shown(made_at)}")


def _check_others(last: Path | None, interval_s: float, now: float) -> Result:
    """Judge what `minirelay backup` made: by a timer perhaps, of which nothing is known here."""
    if last is None:
        remedy = "set backup.file, on another disk; or run `minirelay backup FILE` by a timer of your own"
        return warn(Line.BACKUPS, "none was made yet", remedy)
    made_at, name = _made_at(last), printable(str(last))
    if made_at is None:
        remedy = "see that it is kept elsewhere, or make another one: minirelay backup FILE"
        return warn(Line.BACKUPS, f"the last was made as {name}, which is not there", remedy)
    if now - made_at > 2 * interval_s:
        remedy = "see whether the timer that makes them runs, or set backup.file"
        return warn(Line.BACKUPS, f"the last is of {_shown(made_at)}, which is long ago", remedy)
    return ok(Line.BACKUPS, f"the last is of {_shown(made_at)}, by `minirelay backup`")


def _made_at(backup: Path) -> int | None:
    """Return when a backup was made, in epoch seconds; None if it is not there. Raises StoreError."""
    manifest = read_manifest(backup)
    return None if manifest is None or not backup.exists() else manifest.current.made_at


def _shown(made_at: int) -> str:
    return datetime.fromtimestamp(made_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
