"""Replaying the one shop of an export: the same for who writes one and who reads it (spec 09)."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from minirelay.blobs.audit import find_blob_damage
from minirelay.operations.backups import BackupDamaged
from minirelay.protocol.signing import address_of, checksum_address
from minirelay.relay.audit import Audited, Difference, audit, read_signers
from minirelay.store.database import open_copy
from minirelay.store.gaps import count_sets
from minirelay.store.messages import ShopRow

Progress = Callable[[int, int], None]
"""Told how many more sets were replayed, and of how many."""


class Replayed(msgspec.Struct, frozen=True):
    """A shop for which all is as its log says. end: the number of its last set.

    signers: the keys that are stored as the relay's.
    """

    row: ShopRow
    end: int
    audited: Audited
    signers: frozenset[bytes]

    @property
    def wallets(self) -> tuple[str, ...]:
        """List the addresses that signed for the relay, with checksums."""
        return tuple(sorted([checksum_address(address_of(key)) for key in self.audited.signed_by]))


async def replay_copy(draft: Path, progress: Progress) -> Replayed:
    """Read every page of a database with one shop, and replay its log. Raises BackupDamaged, StoreError."""
    async with await open_copy(draft) as copy:
        reader = copy.reader
        damage = await reader.find_damage() or await find_blob_damage(reader)
        if damage is not None:
            raise BackupDamaged(damage)
        rows = await reader.shops()
        if len(rows) != 1:
            raise BackupDamaged("it has not one shop")
        (row,) = rows
        end, _ = await reader.tail(row.row_id)
        total = count_sets(end, await reader.gaps(row.row_id))
        try:
            signers = await read_signers(reader)
            recorded = frozenset(signers.recorded)
            audited = await audit(reader, row, signers, lambda count: progress(count, total))
        except Difference as difference:
            raise BackupDamaged(str(difference)) from difference
        return Replayed(row, end, audited, recorded)
