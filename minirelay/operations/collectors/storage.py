"""Transactions, files, the disk."""

import asyncio
from pathlib import Path
from typing import Final

from minirelay.metrics import Families, Meters, Series
from minirelay.operations.disk_guard import DiskGuard
from minirelay.operations.totals import KnownTotals
from minirelay.store.database import Store

COMMIT: Final = Series("minirelay_commit_seconds", "histogram", "How long transactions took, fsync included.")
BATCH: Final = Series("minirelay_commit_writes", "histogram", "Writes that went into one transaction.")
ROWS: Final = Series("minirelay_commit_rows", "counter", "Rows that transactions wrote.")
FAILURES: Final = Series("minirelay_commit_failures", "counter", "Transactions of writes that failed.")
TAKES_WRITES: Final = Series(
    "minirelay_database_takes_writes", "gauge", "1, or 0 while what failed was not stored since."
)
DATABASE: Final = Series("minirelay_database_bytes", "gauge", "Size of the database file.")
WAL: Final = Series("minirelay_wal_bytes", "gauge", "Size of the write-ahead log beside it.")
BLOBS: Final = Series("minirelay_blobs", "gauge", "Files that shops have uploaded.")
BLOB_BYTES: Final = Series("minirelay_blob_bytes", "gauge", "Size of these files together.")
FREE: Final = Series("minirelay_disk_free_bytes", "gauge", "What is free on the disk of the data directory.")
FLOOR: Final = Series("minirelay_disk_floor_bytes", "gauge", "Below it clients' writes are refused.")
SERIES: Final = (
    COMMIT,
    BATCH,
    ROWS,
    FAILURES,
    TAKES_WRITES,
    DATABASE,
    WAL,
    BLOBS,
    BLOB_BYTES,
    FREE,
    FLOOR,
)


class StorageCollector:
    """The database and what it lies on."""

    def __init__(self, meters: Meters, store: Store, disk: DiskGuard, totals: KnownTotals) -> None:
        self._meters = meters
        self._store = store
        self._disk = disk
        self._totals = totals

    @property
    def series(self) -> tuple[Series, ...]:
        """List what it collects."""
        return SERIES

    async def collect(self) -> Families:
        """Collect it; files are looked at beside the loop."""
        meters, writer = self._meters, self._store.writer
        totals = await self._totals.get()
        database, wal = await asyncio.to_thread(file_sizes, self._store.path)
        return [
            COMMIT.of_histogram(meters.commit),
            BATCH.of_histogram(meters.commit_writes),
            ROWS.of(meters.commit_rows),
            FAILURES.of(writer.epoch),
            TAKES_WRITES.of(not writer.is_failing),
            DATABASE.of(database),
            WAL.of(wal),
            BLOBS.of(None if totals is None else totals.blobs),
            BLOB_BYTES.of(None if totals is None else totals.blob_bytes),
            FREE.of(self._disk.free_bytes),
            FLOOR.of(self._disk.floor_bytes),
        ]


def file_sizes(database: Path) -> tuple[int | None, int]:
    """Return the sizes of the database and of its write-ahead log in bytes; None for what is not there."""
    return _size(database), _size(database.with_name(f"{database.name}-wal")) or 0


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
