"""Transactions, files and the disk."""

from pathlib import Path

from minirelay.metrics import Meters
from minirelay.operations.collectors.storage import StorageCollector, file_sizes
from minirelay.operations.disk_guard import DiskGuard
from minirelay.operations.totals import KnownTotals
from tests.operations.collectors.samples import samples
from tests.relay.house import House


async def test_what_the_store_takes_and_what_is_left(house: House, tmp_path: Path) -> None:
    meters, disk = Meters(), DiskGuard(tmp_path, 7, lambda _: 1234)
    await disk.look()
    house.store.writer.on_batch = lambda report: meters.batch_stored(
        report.commits, report.rows, report.duration_s
    )
    await house.enrol()
    found = await samples(StorageCollector(meters, house.store, disk, KnownTotals(house.store.reader, 5)))
    assert found["minirelay_commit_seconds_count"] == found["minirelay_commit_writes_count"] >= 1
    assert found["minirelay_commit_rows_total"] > 1
    assert found["minirelay_database_bytes"] >= 4096
    assert found["minirelay_wal_bytes"] > 0
    assert (found["minirelay_disk_free_bytes"], found["minirelay_disk_floor_bytes"]) == (1234, 7)
    assert (found["minirelay_blobs"], found["minirelay_blob_bytes"]) == (0, 0)
    assert (found["minirelay_database_takes_writes"], found["minirelay_commit_failures_total"]) == (1, 0)


async def test_what_is_not_known_is_left_out(house: House, tmp_path: Path) -> None:
    disk, totals = DiskGuard(tmp_path, 7), KnownTotals(house.store.reader, 5)
    await house.store.close()
    found = await samples(StorageCollector(Meters(), house.store, disk, totals))
    assert "minirelay_disk_free_bytes" not in found
    assert "minirelay_blobs" not in found
    assert found["minirelay_database_bytes"] > 0


def test_a_database_that_is_gone_has_no_size(tmp_path: Path) -> None:
    assert file_sizes(tmp_path / "none") == (None, 0)
