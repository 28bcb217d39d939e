"""What may be the matter with a running relay, each as a check of `LastingAlerts` (spec 09, "Alerts")."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from minirelay.operations.backup_schedule import BackupSchedule
from minirelay.operations.disk_guard import DiskGuard
from minirelay.operations.lasting_alerts import Trouble
from minirelay.store.operator_alerts import BACKUP_FAILED, CHAIN_STUCK, CLOCK_BEHIND, LOW_DISK


class ChainLag(Protocol):
    """How far a chain is read, as far as this asks. lag_s: since when it was not read up to its head."""

    @property
    def chain_id(self) -> int:
        """Return the chain's id."""

    @property
    def scanned(self) -> int | None:
        """Return up to which block it is read; None: not yet."""

    @property
    def lag_s(self) -> float:
        """Return since when it was not read up to its head."""

    @property
    def most_lag_s(self) -> float:
        """Return what that may be."""


def low_disk(guard: DiskGuard) -> Iterator[Trouble]:
    """Say whether the disk of the data directory has little room left, or none for clients."""
    if guard.free_bytes is None:
        yield Trouble(LOW_DISK, "", None)
    elif guard.is_near():
        free, floor = guard.free_bytes // 2**20, guard.floor_bytes // 2**20
        what = "are refused" if guard.is_low() else "will be refused below it"
        detail = f"{free:,} MiB are free; the floor is {floor:,} MiB, and clients' writes {what}"
        yield Trouble(LOW_DISK, "", detail, is_urgent=guard.is_low())


def stuck_chains(chains: Iterable[ChainLag]) -> Iterator[Trouble]:
    """Say which chains have not been read up to their heads for too long."""
    for one in chains:
        about = str(one.chain_id)
        if one.lag_s > one.most_lag_s:
            detail = f"chain {one.chain_id} was not read up to its head for {one.lag_s:.0f} s"
            yield Trouble(CHAIN_STUCK, about, detail, is_urgent=True)
        elif one.scanned is None:
            yield Trouble(CHAIN_STUCK, about, None)


def slow_clock(
    now: Callable[[], datetime], heads: Callable[[], Iterable[int]], noted: Path, tolerance_s: float
) -> Iterator[Trouble]:
    """Say whether the clock is behind the newest set or block.

    heads: when the newest blocks were made, in epoch seconds. noted: the file that is written when sets were
    stored (`store/high_water.py`), by this clock. tolerance_s: blocks and clients may be ahead so far.
    """
    here = now().timestamp()
    newest = max([*heads(), _written_at(noted)])
    if newest > here + tolerance_s:
        what = datetime.fromtimestamp(newest, UTC).isoformat(timespec="seconds")
        says = datetime.fromtimestamp(here, UTC).isoformat(timespec="seconds")
        detail = f"the clock says {says}, but there is a block or patch set of {what}: set the clock"
        yield Trouble(CLOCK_BEHIND, "", detail, is_urgent=True)


def failing_backups(schedule: BackupSchedule) -> Iterator[Trouble]:
    """Say whether the last backup failed."""
    if schedule.failure is not None or not schedule.was_tried:
        yield Trouble(BACKUP_FAILED, "", schedule.failure)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # no set was stored yet, or it is gone: then the blocks have to do
        return 0.0
