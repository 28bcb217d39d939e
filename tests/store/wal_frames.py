"""What is in a write-ahead log, whatever lies behind it (https://www.sqlite.org/walformat.html)."""

from pathlib import Path

from minirelay.store.database import FILE_NAME

HEADER_BYTES = 32
FRAME_BYTES = 24 + 4096


def wal_of(directory: Path) -> Path:
    return directory / f"{FILE_NAME}-wal"


def count_frames(wal: Path) -> int:
    """Count the frames of the round that is under way; each is a page."""
    log = wal.read_bytes()
    salts = log[16:24]
    frames = range(HEADER_BYTES, len(log) - FRAME_BYTES + 1, FRAME_BYTES)
    return next(
        (number for number, at in enumerate(frames) if log[at + 8 : at + 16] != salts),
        len(frames),
    )


def written_bytes(wal: Path) -> bytes:
    """Return the log without what lies behind its last frame."""
    return wal.read_bytes()[: HEADER_BYTES + count_frames(wal) * FRAME_BYTES]
