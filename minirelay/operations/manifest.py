"""What a backup says of itself, in a small file beside it (spec 09, "Backup and restore").

The two can't be put in place in one step. So the manifest comes first, and knows the backup before it, too:
whenever it is interrupted, the backup that is there is one of those that the manifest knows.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec

from minirelay.errors import StoreError
from minirelay.store.high_water import sync_path

MAX_MANIFEST_BYTES: Final = 64 * 2**20
_READ_BYTES: Final = 2**20


_MOST_SECOND: Final = 253_402_300_799
"""The last of the year 9999: no calendar here goes further."""


class BackedUpShop(msgspec.Struct, frozen=True):
    """A shop in a backup. shop_id: decimal. root_hash: hex behind 0x."""

    shop_id: str
    sequence_number: int
    root_hash: str


class Backup(msgspec.Struct, frozen=True):
    """A backup. version: of minirelay. schema: number of its last migration. made_at: epoch seconds.

    sha256: of the file, in hex.
    """

    version: str
    schema: int
    made_at: Annotated[int, msgspec.Meta(ge=0, le=_MOST_SECOND)]
    size_bytes: int
    sha256: str
    shops: tuple[BackedUpShop, ...]


class Manifest(msgspec.Struct, frozen=True):
    """The backup that should be there, and the one that was before."""

    current: Backup
    previous: Backup | None = None

    def find(self, sha256: str) -> Backup | None:
        """Find the backup with this hash; None: what is there is damaged, or another file."""
        known = (self.current, self.previous)
        return next((one for one in known if one is not None and one.sha256 == sha256), None)


def manifest_path(backup: Path) -> Path:
    """Name the manifest of a backup."""
    return backup.with_name(f"{backup.name}.json")


def read_manifest(backup: Path) -> Manifest | None:
    """Read the manifest of a backup; None if it has none. Raises StoreError if that can't be read."""
    path = manifest_path(backup)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MANIFEST_BYTES)
        return msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError(f"{path}: not the manifest of a backup: {error}") from error


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """Write the manifest of a backup, in one step. Raises OSError; it is as it was then."""
    path = manifest_path(backup)
    draft = path.with_name(f"{path.name}.part")
    content = msgspec.json.format(msgspec.json.encode(manifest))
    try:
        with open(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    sync_path(path.parent)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hex. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
