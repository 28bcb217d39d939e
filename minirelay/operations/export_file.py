"""The file of an export: a database with one shop, and behind it what it says of itself (spec 09).

    database | description, JSON | its SHA-256, 32 bytes | its length, 4 bytes, big-endian | `mrexport`

It is a database, since then what checks one, migrates one and replays a log does so here. What is said of it
stands at its end, so that it is written in one go; a file that was cut off has no such end. Whoever reads one
has it from a stranger: it is copied, by its checksum, before anything of it is opened.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec

from minirelay.errors import StoreError
from minirelay.operations.backups import BackupDamaged
from minirelay.protocol.ids import UINT256_BYTES
from minirelay.store.errors import StoreUnavailable, StoreUnreadable
from minirelay.store.messages import MAX_SEQ

MAGIC: Final = b"mrexport"
FORMAT: Final = 1
MAX_DESCRIPTION_BYTES: Final = 64 * 2**10
_DIGEST_BYTES: Final = 32
_LENGTH_BYTES: Final = 4
_END_BYTES: Final = _DIGEST_BYTES + _LENGTH_BYTES + len(MAGIC)
_READ_BYTES: Final = 2**20
_MOST_SECONDS: Final = 2**40

_Hex32 = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-f]{64}\Z")]
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Address = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{40}\Z")]
_Decimal = Annotated[str, msgspec.Meta(pattern=r"^(0|[1-9][0-9]{0,77})\Z")]
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=_MOST_SECONDS)]
_Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.+-]{1,64}\Z")]


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an export says of itself. format: of the file. version: of minirelay. schema: of the database.

    shop_id: decimal. root_hash: behind the last set. wallets: that signed for the relay, with checksums.
    exported_at: epoch seconds. size_bytes, sha256: of the database.
    """

    format: int
    version: _Version
    schema: Annotated[int, msgspec.Meta(ge=1, le=10**6)]
    shop_id: _Decimal
    sequence_number: Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQ)]
    root_hash: _Hex32
    wallets: Annotated[tuple[_Address, ...], msgspec.Meta(max_length=256)]
    exported_at: _Seconds
    size_bytes: Annotated[int, msgspec.Meta(ge=1, le=2**50)]
    sha256: _Sha256


def seal(path: Path, export: Export) -> None:
    """Write what is said of a database behind it, and wait until all of it is on disk. Raises OSError."""
    said = msgspec.json.encode(export)
    end = hashlib.sha256(said).digest() + len(said).to_bytes(_LENGTH_BYTES) + MAGIC
    with path.open("ab") as file:
        file.write(said + end)
        file.flush()
        os.fsync(file.fileno())


def is_export(path: Path) -> bool:
    """Return whether a file ends as exports do, whole or not. Raises OSError."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(MAGIC)))
        return file.read() == MAGIC


def read_export(path: Path) -> Export:
    """Read what an export says of itself; the database is not looked at. Raises BackupDamaged, StoreError."""
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except FileNotFoundError as error:
        raise StoreUnreadable(f"{path}: no such file") from error
    except OSError as error:
        raise StoreUnreadable(f"{path}: {error.strerror}") from error


def copy_database(path: Path, export: Export, draft: Path) -> None:
    """Copy the database out of an export into a new file, private to the user (mode 0600).

    Raises BackupDamaged if it is not what the export says, StoreUnavailable.
    """
    digest, left = hashlib.sha256(), export.size_bytes
    try:
        target = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with open(target, "wb") as copy, path.open("rb") as file:
            while left and (piece := file.read(min(_READ_BYTES, left))):
                digest.update(piece)
                copy.write(piece)
                left -= len(piece)
    except OSError as error:
        raise StoreUnavailable(f"could not copy {path} to {draft}: {error.strerror}") from error
    if left or digest.hexdigest() != export.sha256:
        raise _damaged(path, "its checksum is not that which it names")


def _read(path: Path, file: BinaryIO) -> Export:
    size = file.seek(0, os.SEEK_END)
    if size < _END_BYTES:
        raise _no_export(path)
    file.seek(size - _END_BYTES)
    end = file.read(_END_BYTES)
    length = int.from_bytes(end[_DIGEST_BYTES : -len(MAGIC)])
    if end[-len(MAGIC) :] != MAGIC:
        raise _no_export(path)
    if not 0 < length <= min(MAX_DESCRIPTION_BYTES, size - _END_BYTES):
        raise _damaged(path, "its end is not whole")
    file.seek(size - _END_BYTES - length)
    said = file.read(length)
    if hashlib.sha256(said).digest() != end[:_DIGEST_BYTES]:
        raise _damaged(path, "its end is not whole")
    export = _decode(path, said)
    if export.size_bytes != size - _END_BYTES - length:
        raise _damaged(path, "it is longer or shorter than it says")
    return export


class _Format(msgspec.Struct, frozen=True):
    format: Annotated[int, msgspec.Meta(ge=1, le=10**6)]


def _decode(path: Path, said: bytes) -> Export:
    try:
        number = msgspec.json.decode(said, type=_Format).format
        if number > FORMAT:
            raise StoreError(
                f"{path}: written by a newer minirelay (format {number}, this one knows {FORMAT})"
            )
        export = msgspec.json.decode(said, type=Export)
    except msgspec.MsgspecError as error:
        # What it says there, it may say of a text that a stranger wrote.
        raise _damaged(path, "what it says of itself can't be read") from error
    if int(export.shop_id) >= 2 ** (8 * UINT256_BYTES):
        raise _damaged(path, "it is of no shop")
    return export


def _no_export(path: Path) -> BackupDamaged:
    return BackupDamaged(f"{path}: not an export of minirelay's, or cut off")


def _damaged(path: Path, why: str) -> BackupDamaged:
    return BackupDamaged(f"{path}: {why}: it is damaged, or was changed")
