"""Whether a file is whole: pages that can't be read, indexes that do not fit, rows of nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.database import FILE_NAME
from minirelay.store.integrity import find_damage, size_bytes
from minirelay.store.messages import ObjectRow
from tests.store.conftest import connect
from tests.store.examples import GUEST, ShopLog, beginning, listing, order

PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a file of a few hundred pages, all of it out of the write-ahead log."""
    log = ShopLog()
    with closing(connect(tmp_path)) as db:
        commits = beginning(cards=range(1, 200))
        for number in range(1, 400):
            change = ObjectRow(ObjectType.LISTING, number.to_bytes(8), bytes(3000))
            leaves = [listing(number * 8 + each) for each in range(8)]
            commits.append(log.add(*leaves, order(number, GUEST), size_bytes=9000, changes=(change,)))
        store(db, rows_of(commits).statements())
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
    return tmp_path / FILE_NAME


def damage_of(path: Path) -> str | None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return find_damage(db)


def test_a_sound_file_has_no_damage(path: Path) -> None:
    assert damage_of(path) is None
    with closing(sqlite3.connect(path)) as db:
        assert size_bytes(db) == path.stat().st_size > 300 * PAGE_BYTES


def pages_of(path: Path, name: str) -> list[int]:
    """List the pages of a table or an index, by their number from 1; `dbstat` is not in every SQLite."""
    with closing(sqlite3.connect(path)) as db:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        root: int = db.execute(sql, (name,)).fetchone()[0]
    content = path.read_bytes()
    pages, found = [root], []
    while pages:
        number = pages.pop()
        found.append(number)
        start = (number - 1) * PAGE_BYTES
        page = content[start : start + PAGE_BYTES]
        if page[0] in (2, 5):  # an inner page of a b-tree
            cells = [
                int.from_bytes(page[at : at + 2]) for at in range(12, 12 + 2 * int.from_bytes(page[3:5]), 2)
            ]
            pages += [int.from_bytes(page[cell : cell + 4]) for cell in cells]
            pages.append(int.from_bytes(page[8:12]))
    return found


def overwrite(path: Path, page: int, content: bytes, at: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES + at)
        file.write(content)


@pytest.mark.parametrize(
    "name",
    [
        "shop",
        "key_card",
        "key_card_by_shop",
        "sqlite_autoindex_key_card_1",
        "patch_set",
        "patch_index",
        "patch_index_by_owner",
        "object",
        "sqlite_autoindex_object_1",
        "meta",
        "relay_signer",
        "migration",
    ],
)
def test_a_damaged_page_of_any_table_or_index_is_found(path: Path, name: str) -> None:
    whole = path.read_bytes()
    pages = pages_of(path, name)
    for page in {pages[0], pages[len(pages) // 2], pages[-1]}:
        overwrite(path, page, b"\xa5" * PAGE_BYTES)
        damage = damage_of(path) or ""
        assert "the file is damaged" in damage
        assert "\n" not in damage
        path.write_bytes(whole)


def test_an_index_that_does_not_fit_its_table_is_found(path: Path) -> None:
    leaf = pages_of(path, "patch_index_by_owner")[-1]
    content = path.read_bytes()[(leaf - 1) * PAGE_BYTES :][:PAGE_BYTES]
    # Another owner in the last cell of the page: every page is well formed.
    cell = int.from_bytes(content[8:10])
    at = content.index(bytes([GUEST]), cell + 5)
    overwrite(path, leaf, b"\x07", at)
    assert "patch_index_by_owner" in (damage_of(path) or "")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP INDEX key_card_by_shop", "index key_card_by_shop"),
        ("CREATE TABLE other (a)", "table other"),
        ("ALTER TABLE shop ADD COLUMN another INTEGER", "table shop"),
        ("DELETE FROM migration WHERE number = 1", "migrations"),
        ("UPDATE key_card SET shop = 77 WHERE id = 5", "a row of key_card is of no shop"),
        ("DELETE FROM patch_set", "a shop without a log, with the row id 1"),
        ("INSERT INTO gap (shop, after, next) VALUES (77, 0, 16384)", "a gap in the log of no shop"),
        ("INSERT INTO object_piece VALUES (99999 << 20 | 1, x'00')", "of no object, with the row 99999"),
        ("UPDATE patch_set SET position = (5 << 40) + 1 WHERE position & 0xffff = 9", "row id 5"),
    ],
)
def test_what_does_not_belong_together_is_found(path: Path, statement: str, words: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
    assert words in (damage_of(path) or "")


def test_statistics_of_sqlites_own_are_no_damage(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("ANALYZE")
        db.commit()
    assert damage_of(path) is None
