"""Whether the data directory can be used, who may read what, and how much room there is."""

import os
import stat
from pathlib import Path
from typing import Final

from minirelay.operations.checks.result import Line, Result, fail, ok, warn
from minirelay.operations.disk_guard import WARNS_AT, free_bytes
from minirelay.store.database import FILE_NAME

_OTHERS: Final = stat.S_IRWXO
_MIB: Final = 2**20


def check_room(directory: Path, floor_bytes: int) -> Result:
    """Say how much is free on the disk of the data directory, or of the nearest one that there is."""
    place = next(one for one in (directory, *directory.parents) if one.exists())
    free = free_bytes(place)
    text = f"{free // _MIB:,} MiB free; disk_floor is {floor_bytes // _MIB:,} MiB"
    if free < floor_bytes:
        return fail(Line.DISK, f"{text}: clients' writes are refused", "make room on that disk")
    if free < WARNS_AT * floor_bytes:
        return warn(Line.DISK, text, "make room before the floor is reached")
    return ok(Line.DISK, text)


def check_modes(directory: Path, backup: Path | None) -> list[Result]:
    """Say whether this user can write where the relay writes, and whether others can read it."""
    found = [_check_directory(directory)]
    files = [directory / FILE_NAME] + ([] if backup is None else [backup])
    found += [_check_file(file) for file in files if file.exists()]
    wrong = [one for one in found if one is not None]
    if wrong:
        return wrong
    return [ok(Line.FILE_MODES, f"{directory} is this user's to write, and no others' to read")]


def _check_directory(directory: Path) -> Result | None:
    if not directory.exists():
        return _check_parent(directory)
    if not directory.is_dir():
        return fail(Line.FILE_MODES, f"{directory} is no directory", "set data_dir to one")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return fail(
            Line.FILE_MODES,
            f"{directory} can't be written to",
            "run this as the user who runs the relay, or give that user the directory (chown), and look "
            "whether its disk is mounted read-only",
        )
    return _check_file(directory)


def _check_parent(directory: Path) -> Result | None:
    parent = next(one for one in directory.parents if one.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        return None
    return fail(
        Line.FILE_MODES,
        f"{directory} is not there, and this user can't make it in {parent}",
        "make it, and give it to the user who runs the relay (chown)",
    )


def _check_file(path: Path) -> Result | None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS:
        return None
    return warn(
        Line.FILE_MODES,
        f"{path} is open to other users (mode {mode:04o}); customers' addresses are in it",
        f"chmod o= {path}",
    )
