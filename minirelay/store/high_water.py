"""How far the database was: a small file beside it, so that a start notices when something is missing.

SQLite takes what it finds for all there is. With its write-ahead log deleted or cut, or with an older copy
put in its place, a database is whole, only shorter. Each of these leaves the first so many transactions: so
it is enough to remember the sets that came last. Those of a few shops are there, to say what is missing.
"""

import os
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from minirelay.protocol.ids import UINT256_BYTES
from minirelay.store.connection import Durability, connect_to_read
from minirelay.store.errors import DataMissing
from minirelay.store.gaps import read_gaps
from minirelay.store.messages import NEW_SHOPS
from minirelay.store.schema import schema_version

HIGH_WATER_FILE: Final = "minirelay.high-water"
MAX_SHOPS: Final = 64
"""So many shops are in the file: those to which was written last."""

MAX_FILE_BYTES: Final = 64 * 1024
_VERSION: Final = 1
_FIND: Final = """SELECT id, (SELECT coalesce(max(position) & 0xffffffffff, 0) FROM patch_set
    WHERE position > shop.id << 40 AND position < shop.id + 1 << 40) FROM shop WHERE shop_id = ?"""
_NEWEST: Final = "SELECT shop_id FROM shop ORDER BY id DESC LIMIT ?"


class HighWater(msgspec.Struct, frozen=True):
    """What was durable in a database. Nothing says that there is not more by now.

    ends: by shop id, the last sequence number; of those shops to which was written last, the latest last.
    restored: the number with which shops begin that come into being now, 0 if nothing was ever restored.
    """

    ends: dict[int, int] = {}
    restored: int = 0


class MissingEnd(NamedTuple):
    """A log that ends too early. found: its last number, 0 if there is none; remembered: what it was."""

    shop_id: int
    found: int
    remembered: int


class Loss(NamedTuple):
    """What a database lacks. logs: as far as the file knows. is_unmarked: that it was restored before."""

    logs: tuple[MissingEnd, ...]
    is_unmarked: bool = False

    def describe(self) -> str:
        """Return the loss as a line of text."""
        if not self.logs:
            return "data is missing: that its shops were restored before"
        shop_id, found, remembered = self.logs[-1]
        others = f", and {len(self.logs) - 1} more shops lack sets" if len(self.logs) > 1 else ""
        where = f"ends with set {found}" if found else "has no sets"
        return f"data is missing: the log of shop {shop_id} {where} and went on to {remembered}{others}"


class _Saved(msgspec.Struct, frozen=True):
    version: int
    restored: int
    ends: list[tuple[str, int]]


def read_high_water(path: Path) -> HighWater | None:
    """Read the file; None if there is none. Raises DataMissing: it can't be read, or is damaged."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    text, _, digest = content.rstrip(b"\n").rpartition(b"\n")
    if sha256(text).hexdigest().encode() != digest:
        raise _unreadable(path, "it is damaged")
    try:
        saved = msgspec.json.decode(text, type=_Saved)
        ends = {int(shop_id): seq for shop_id, seq in saved.ends}
    except (msgspec.MsgspecError, ValueError) as error:
        raise _unreadable(path, "another version of minirelay wrote it") from error
    if saved.version != _VERSION:
        raise _unreadable(path, "another version of minirelay wrote it")
    return HighWater(ends, saved.restored)


def write_high_water(path: Path, mark: HighWater) -> None:
    """Replace the file in one step, private to its owner (mode 0600). Raises OSError; it stays as it was."""
    ends = [(str(shop_id), seq) for shop_id, seq in mark.ends.items()]
    text = msgspec.json.encode(_Saved(_VERSION, mark.restored, ends))
    draft = path.with_name(f"{path.name}.part")
    try:
        with open(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(text + b"\n" + sha256(text).hexdigest().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):  # of two errors, the first one tells more
            draft.unlink(missing_ok=True)
        raise
    sync_path(path.parent)


def save_high_water(database: Path, durability: Durability, mark: HighWater) -> None:
    """Save what was committed to a database, now that it is on disk. Raises OSError."""
    if durability == "normal":
        # Nobody has synced it yet, and a power failure must not make the file say too much.
        with suppress(FileNotFoundError):
            sync_path(database.with_name(f"{database.name}-wal"))
    write_high_water(database.with_name(HIGH_WATER_FILE), mark)


def sync_path(path: Path) -> None:
    """Wait until a file, or what a directory lists, is on disk. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def find_loss(database: Path, mark: HighWater) -> Loss | None:
    """Compare a database with what is remembered of it; None if nothing is missing.

    Changes nothing: neither the database, which may be missing, nor its write-ahead log. No other process may
    have it open. Raises sqlite3.Error, NotOurDatabase, SchemaTooNew.
    """
    if not mark.ends and not mark.restored:
        return None
    if not database.exists():
        return _loss(mark, [0] * len(mark.ends), 0)
    is_alone = not database.with_name(f"{database.name}-wal").exists()
    with closing(connect_to_read(database, is_immutable=is_alone)) as connection:
        if schema_version(connection, database) == 0:
            return _loss(mark, [0] * len(mark.ends), 0)
        return compare(connection, mark)


def compare(connection: sqlite3.Connection, mark: HighWater) -> Loss | None:
    """Compare an open database with what is remembered of it; None if nothing is missing.

    A relay may be writing to it, if the file was read before. Raises sqlite3.Error.
    """
    found = [_find(connection, shop_id)[1] for shop_id in mark.ends]
    return _loss(mark, found, _restored(connection))


def survey(connection: sqlite3.Connection, written_last: Collection[int]) -> tuple[HighWater, dict[int, int]]:
    """Return how far a database is, and give the row ids of the shops in the answer, by shop id.

    written_last: shop ids, the latest last. If they are few, the newest shops are in it, too.
    """
    newest = connection.execute(_NEWEST, (MAX_SHOPS,)).fetchall()
    others = [shop_id for (data,) in newest if (shop_id := int.from_bytes(data)) not in written_last]
    shop_ids = [*reversed(others), *written_last][-MAX_SHOPS:]
    found = {shop_id: _find(connection, shop_id) for shop_id in shop_ids}
    ends = {shop_id: seq for shop_id, (_, seq) in found.items() if seq}
    return HighWater(ends, _restored(connection)), {shop_id: found[shop_id][0] for shop_id in ends}


def _loss(mark: HighWater, found: Sequence[int], restored: int) -> Loss | None:
    logs = tuple(
        MissingEnd(shop_id, end, remembered)
        for (shop_id, remembered), end in zip(mark.ends.items(), found, strict=True)
        if end < remembered
    )
    is_unmarked = restored < mark.restored
    return Loss(logs, is_unmarked) if logs or is_unmarked else None


def _find(connection: sqlite3.Connection, shop_id: int) -> tuple[int, int]:
    """Find a shop's row id and its last sequence number; 0 and 0 if it is not there."""
    row, seq = connection.execute(_FIND, (shop_id.to_bytes(UINT256_BYTES),)).fetchone() or (0, 0)
    return row, seq


def _restored(connection: sqlite3.Connection) -> int:
    has_gaps = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'gap'").fetchone()[0]
    gaps: Iterable[int] = (gap.next for gap in read_gaps(connection, NEW_SHOPS)) if has_gaps else ()
    return max(gaps, default=0)


def _unreadable(path: Path, why: str) -> DataMissing:
    return DataMissing(
        f"{path}: {why}, so it can't tell whether something is missing from the database; if nothing is, "
        "remove this file, otherwise start the relay once with --accept-loss"
    )
