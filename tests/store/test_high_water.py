"""The file beside the database: what it says is so, it is replaced in one step, and a loss is found by it."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.database import FILE_NAME
from minirelay.store.errors import DataMissing, NotOurDatabase
from minirelay.store.gaps import read_gaps, treat_as_restored
from minirelay.store.high_water import (
    HIGH_WATER_FILE,
    MAX_FILE_BYTES,
    MAX_SHOPS,
    HighWater,
    Loss,
    MissingEnd,
    find_loss,
    read_high_water,
    save_high_water,
    survey,
    sync_path,
    write_high_water,
)
from minirelay.store.messages import NEW_SHOPS
from tests.store.conftest import connect
from tests.store.examples import ShopLog, beginning, shop_row

NOON = 1_800_000_000
FIRST, SECOND = (shop_row(row).shop_id for row in (1, 2))
MARK = HighWater({2**256 - 1: 42, 0: 7, 5: 2**40 - 1}, 16384)


def shop_of(db: sqlite3.Connection, shop: int, sets: int) -> None:
    log = ShopLog(shop)
    store(db, rows_of([*beginning(shop, cards=()), *[log.add() for _ in range(sets)]]).statements())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / HIGH_WATER_FILE


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database that was closed in order: 22 sets of one shop, 3 of another."""
    with closing(connect(tmp_path)) as db:
        shop_of(db, 1, 22)
        shop_of(db, 2, 3)
    return tmp_path / FILE_NAME


class TestTheFile:
    def test_comes_back_as_it_was_saved_in_its_order(self, path: Path) -> None:
        for mark in (MARK, HighWater(), HighWater({1: 1})):
            write_high_water(path, mark)
            found = read_high_water(path)
            assert found == mark
            assert list(found.ends) == list(mark.ends)
        assert {file.name for file in path.parent.iterdir()} == {HIGH_WATER_FILE}

    def test_is_private(self, path: Path) -> None:
        before = os.umask(0)
        try:
            write_high_water(path, MARK)
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == 0o600

    def test_may_not_be_there(self, path: Path) -> None:
        assert read_high_water(path) is None

    def test_is_small_with_as_many_shops_as_it_has(self, path: Path) -> None:
        write_high_water(path, HighWater({2**256 - shop: 2**40 - 1 for shop in range(1, MAX_SHOPS + 1)}))
        assert path.stat().st_size < 8192 < MAX_FILE_BYTES

    def test_no_byte_of_it_can_change_unnoticed(self, path: Path) -> None:
        write_high_water(path, MARK)
        content = path.read_bytes()
        for place in range(len(content) - 1):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(DataMissing, match="damaged"):
                read_high_water(path)

    @pytest.mark.parametrize("content", [b"", b"\n", b"x" * 100_000, b"\0" * 300, b"{}\n" + b"0" * 64])
    def test_that_is_something_else_is_damaged(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(DataMissing, match=r"damaged.*remove this file.*--accept-loss"):
            read_high_water(path)

    def test_of_a_later_version_is_not_understood(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("minirelay.store.high_water._VERSION", 2)
        write_high_water(path, MARK)
        monkeypatch.undo()
        with pytest.raises(DataMissing, match="another version"):
            read_high_water(path)

    def test_that_cannot_be_read_says_why(self, path: Path) -> None:
        path.mkdir()
        with pytest.raises(DataMissing, match="Is a directory"):
            read_high_water(path)

    def test_that_cannot_be_written_stays_as_it_was(self, path: Path) -> None:
        write_high_water(path, MARK)
        path.with_name(f"{HIGH_WATER_FILE}.part").mkdir()
        with pytest.raises(OSError, match="Is a directory"):
            write_high_water(path, HighWater())
        assert read_high_water(path) == MARK

    def test_is_synced_and_then_its_directory(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        synced: list[str] = []

        def fsync(file: int) -> None:
            synced.append(Path(os.readlink(f"/proc/self/fd/{file}")).name)

        monkeypatch.setattr(os, "fsync", fsync)
        write_high_water(path, MARK)
        assert synced == [f"{HIGH_WATER_FILE}.part", path.parent.name]
        sync_path(path)
        assert synced[2:] == [HIGH_WATER_FILE]

    @pytest.mark.parametrize(("durability", "is_synced"), [("full", False), ("normal", True)])
    def test_says_only_what_is_on_disk(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, durability: str, is_synced: bool
    ) -> None:
        assert durability in ("full", "normal")
        database = path.with_name(FILE_NAME)
        wal = path.with_name(f"{FILE_NAME}-wal")
        wal.touch()
        synced: list[str] = []
        monkeypatch.setattr(
            os, "fsync", lambda file: synced.append(Path(os.readlink(f"/proc/self/fd/{file}")).name)
        )
        save_high_water(database, "normal" if is_synced else "full", MARK)
        assert (synced[0] == wal.name) == is_synced
        wal.unlink()
        save_high_water(database, "normal", MARK)


class TestLooking:
    def test_what_is_there_is_found(self, tmp_path: Path, database: Path) -> None:
        with closing(connect(tmp_path)) as db:
            assert survey(db, []) == (HighWater({FIRST: 22, SECOND: 3}), {FIRST: 1, SECOND: 2})
            # The shops to which was written last come last; those that are not there are left out.
            mark, rows = survey(db, [99, FIRST])
            assert list(mark.ends) == [SECOND, FIRST]
            assert rows == {FIRST: 1, SECOND: 2}
            treat_as_restored(db, NOON)
            [gap] = read_gaps(db, NEW_SHOPS)
            assert survey(db, [])[0].restored == gap.next

    def test_of_many_shops_the_newest_are_given_but_those_written_last_before_them(
        self, tmp_path: Path
    ) -> None:
        with closing(connect(tmp_path)) as db:
            for shop in range(1, MAX_SHOPS + 11):
                shop_of(db, shop, 1)
            mark, rows = survey(db, [FIRST])
        assert len(mark.ends) == len(rows) == MAX_SHOPS
        assert list(rows.values()) == [*range(12, MAX_SHOPS + 11), 1]

    @pytest.mark.parametrize(
        "mark",
        [
            HighWater(),
            HighWater({FIRST: 22, SECOND: 3}),
            HighWater({FIRST: 1}),
        ],
    )
    def test_a_database_that_has_all_of_it_lacks_nothing(self, database: Path, mark: HighWater) -> None:
        assert find_loss(database, mark) is None

    def test_a_database_that_is_shorter_lacks_something(self, database: Path) -> None:
        assert find_loss(database, HighWater({SECOND: 3, FIRST: 23})) == Loss((MissingEnd(FIRST, 22, 23),))
        loss = find_loss(database, HighWater({77: 9, SECOND: 5}))
        assert loss == Loss((MissingEnd(77, 0, 9), MissingEnd(SECOND, 3, 5)))
        assert loss.describe() == (
            f"data is missing: the log of shop {SECOND} ends with set 3 and went on to 5, "
            "and 1 more shops lack sets"
        )
        assert "the log of shop 77 has no sets and went on to 9" in Loss(loss.logs[:1]).describe()

    def test_a_database_that_is_not_there_lacks_everything(self, tmp_path: Path) -> None:
        missing = tmp_path / FILE_NAME
        assert find_loss(missing, HighWater()) is None
        assert find_loss(missing, HighWater({1: 1})) == Loss((MissingEnd(1, 0, 1),))
        assert find_loss(missing, HighWater({}, 16384)) == Loss((), True)
        missing.touch()
        assert find_loss(missing, HighWater({1: 1})) == Loss((MissingEnd(1, 0, 1),))

    def test_a_database_that_forgot_its_restore_lacks_that(self, tmp_path: Path, database: Path) -> None:
        loss = find_loss(database, HighWater({FIRST: 22}, 16384))
        assert loss == Loss((), True)
        assert "restored before" in loss.describe()
        with closing(connect(tmp_path)) as db:
            treat_as_restored(db, NOON)
        assert find_loss(database, HighWater({FIRST: 22}, 16384)) is None

    def test_a_database_from_before_there_were_gaps_can_be_compared(self, database: Path) -> None:
        with closing(sqlite3.connect(database)) as db:
            db.executescript("DROP TABLE gap; PRAGMA user_version = 2;")
        assert find_loss(database, HighWater({FIRST: 22})) is None
        assert find_loss(database, HighWater({FIRST: 22}, 16384)) == Loss((), True)

    def test_another_programs_database_is_left_to_whoever_knows_it(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
            db.execute("CREATE TABLE other (a)")
        with pytest.raises(NotOurDatabase):
            find_loss(tmp_path / FILE_NAME, MARK)

    @pytest.mark.parametrize("cut", [None, 0, 5000, -1, "all of it"])
    def test_looking_changes_nothing(self, tmp_path: Path, cut: int | str | None) -> None:
        """As after a kill, with a write-ahead log that is whole, cut, or gone."""
        live, killed = tmp_path / "live", tmp_path / "killed"
        live.mkdir()
        killed.mkdir()
        with closing(connect(live)) as db:
            shop_of(db, 1, 22)
            for name in (FILE_NAME, f"{FILE_NAME}-wal"):
                shutil.copy(live / name, killed / name)
        wal = killed / f"{FILE_NAME}-wal"
        if isinstance(cut, str):
            wal.unlink()
        elif cut is not None:
            os.truncate(wal, cut % wal.stat().st_size)
        before = {file.name: file.read_bytes() for file in killed.iterdir()}
        loss = find_loss(killed / FILE_NAME, HighWater({FIRST: 22}))
        assert (loss is None) == (cut is None)
        after = {file.name: file.read_bytes() for file in killed.iterdir()}
        after.pop(f"{FILE_NAME}-shm", None)
        assert after == before
