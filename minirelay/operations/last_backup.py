"""Where `minirelay backup` made a backup last: a small file beside the database, which doctor reads."""

import os
from pathlib import Path
from typing import Final

from minirelay.errors import StoreError

LAST_BACKUP_FILE: Final = "minirelay.last-backup"
_MOST_BYTES: Final = 8192


def remember_backup(data_dir: Path, backup: Path) -> None:
    """Note where a backup is. Raises OSError; what was noted stays then."""
    path = data_dir / LAST_BACKUP_FILE
    draft = path.with_name(f"{path.name}.part")
    draft.write_bytes(os.fsencode(backup.absolute()))
    draft.replace(path)


def recall_backup(data_dir: Path) -> Path | None:
    """Return where the last backup is; None if none was made. Raises StoreError if that can't be read."""
    path = data_dir / LAST_BACKUP_FILE
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    found = Path(os.fsdecode(content))
    if b"\0" in content or not found.is_absolute():
        raise StoreError(f"{path}: it names no file; delete it, and back up again")
    return found
