"""What may be the matter with a running relay."""

import os
from datetime import UTC, datetime
from pathlib import Path

from minirelay.operations.backup_schedule import BackupSchedule
from minirelay.operations.disk_guard import DiskGuard
from minirelay.operations.lasting_alerts import Trouble
from minirelay.operations.trouble_checks import failing_backups, low_disk, slow_clock, stuck_chains
from minirelay.relay.clock import utc_now
from minirelay.store.operator_alerts import BACKUP_FAILED, CHAIN_STUCK, CLOCK_BEHIND, LOW_DISK
from minirelay.web.ready import ChainReadiness

MIB = 2**20
NOON = 1_800_000_000


async def test_a_disk_is_told_of_before_it_is_too_full() -> None:
    free = [0]
    guard = DiskGuard(Path("/data"), 200 * MIB, lambda _: free[0])
    assert list(low_disk(guard)) == [Trouble(LOW_DISK, "", None)]
    said = []
    for free[0] in (1000 * MIB, 399 * MIB, 199 * MIB, 1000 * MIB):
        await guard.look()
        said.append([(one.is_urgent, one.detail) for one in low_disk(guard)])
    assert said == [
        [],
        [(False, "399 MiB are free; the floor is 200 MiB, and clients' writes will be refused below it")],
        [(True, "199 MiB are free; the floor is 200 MiB, and clients' writes are refused")],
        [],
    ]


def chain(lag_s: float, scanned: int | None = 90) -> ChainReadiness:
    return ChainReadiness(
        chain_id=10, head=100, scanned=scanned, final=80, lag_blocks=10, lag_s=lag_s, most_lag_s=300
    )


def test_a_chain_is_stuck_beyond_its_limit() -> None:
    assert list(stuck_chains([chain(300)])) == []
    (told,) = stuck_chains([chain(301)])
    assert (told.kind, told.about, told.is_urgent) == (CHAIN_STUCK, "10", True)
    assert told.detail == "chain 10 was not read up to its head for 301 s"


def test_of_a_chain_that_was_not_read_since_the_start_nothing_is_known_yet() -> None:
    assert list(stuck_chains([chain(1, scanned=None)])) == [Trouble(CHAIN_STUCK, "10", None)]
    assert [one.is_urgent for one in stuck_chains([chain(301, scanned=None)])] == [True]


def clock_troubles(at: int, *, head: int | None = None, noted: Path) -> list[Trouble]:
    heads = [] if head is None else [head]
    return list(slow_clock(lambda: datetime.fromtimestamp(at, UTC), lambda: heads, noted, 300))


def test_a_clock_that_is_behind_the_newest_block(tmp_path: Path) -> None:
    noted = tmp_path / "none"
    assert clock_troubles(NOON, noted=noted) == []
    assert clock_troubles(NOON, head=NOON + 300, noted=noted) == []
    (told,) = clock_troubles(NOON, head=NOON + 301, noted=noted)
    assert (told.kind, told.is_urgent) == (CLOCK_BEHIND, True)
    assert told.detail == (
        "the clock says 2027-01-15T08:00:00+00:00, but there is a block or patch set of "
        "2027-01-15T08:05:01+00:00: set the clock"
    )


def test_a_clock_that_is_behind_the_newest_set(tmp_path: Path) -> None:
    noted = tmp_path / "minirelay.high-water"
    noted.touch()
    os.utime(noted, (NOON, NOON))
    assert clock_troubles(NOON - 300, head=5, noted=noted) == []
    assert [one.kind for one in clock_troubles(NOON - 301, head=5, noted=noted)] == [CLOCK_BEHIND]


def test_of_backups_it_is_known_when_one_was_tried() -> None:
    schedule = BackupSchedule(Path("/data"), Path("/backup"), utc_now, interval_s=1, keep=1)
    assert list(failing_backups(schedule)) == [Trouble(BACKUP_FAILED, "", None)]
    schedule.was_tried = True
    assert list(failing_backups(schedule)) == []
    schedule.failure = "no such file"
    assert list(failing_backups(schedule)) == [Trouble(BACKUP_FAILED, "", "no such file")]
