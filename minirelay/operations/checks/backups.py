"""Whether there is a backup, and how old it is."""

from datetime import UTC, datetime

from minirelay.config.settings import BackupSettings
from minirelay.errors import StoreError
from minirelay.operations.checks.result import Line, Result, fail, ok, warn
from minirelay.operations.manifest import read_manifest


def check_backups(settings: BackupSettings, now: float) -> Result:
    """Say when the last backup was made. now: epoch seconds."""
    target = settings.file
    if target is None:
        remedy = "set backup.file, on another disk; or run `minirelay backup FILE` by a timer of your own"
        return warn(Line.BACKUPS, "none are made by the relay", remedy)
    try:
        manifest = read_manifest(target)
    except StoreError as error:
        return fail(Line.BACKUPS, str(error), f"make another one: minirelay backup {target}")
    if manifest is None or not target.exists():
        remedy = f"start the relay, or run: minirelay backup {target}"
        return warn(Line.BACKUPS, f"{target} was not made yet", remedy)
    made_at, age_s = manifest.current.made_at, now - manifest.current.made_at
    when = datetime.fromtimestamp(made_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if age_s > 2 * settings.interval:
        remedy = f"look for an alert (minirelay alerts), and whether the place of {target} has room"
        return fail(Line.BACKUPS, f"the last is of {when}, which is long ago", remedy)
    return ok(Line.BACKUPS, f"the last is of {when}")
