import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from minirelay.store.errors import SQLiteTooOld, StoreUnavailable
from minirelay.store.one_step import (
    MIN_SQLITE,
    check_sqlite,
    cut,
    joined,
    number_list,
    numbers,
    parse_numbers,
)


@pytest.fixture
def memory() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (n INTEGER, b BLOB) STRICT")
        yield connection


HOSTILE = [b"", b"\x00", b"\x00\x00tail", b"\xff\xfe", bytes(range(256)), b",", b"\x00" * 5000, "é".encode()]


def test_any_bytes_come_back_as_they_went_in(memory: sqlite3.Connection) -> None:
    memory.executemany("INSERT INTO t VALUES (?, ?)", enumerate(HOSTILE))
    sql = f"SELECT {numbers('length(b)')}, {joined('b')} FROM (SELECT * FROM t ORDER BY n)"
    lengths, whole = memory.execute(sql).fetchone()
    assert cut(whole, parse_numbers(lengths)) == HOSTILE


def test_numbers_come_back_as_they_went_in(memory: sqlite3.Connection) -> None:
    values = [0, -1, 2**63 - 1, -(2**63), 7]
    memory.executemany("INSERT INTO t VALUES (?, x'')", [(value,) for value in values])
    first, second = memory.execute(f"SELECT {numbers('n', 'n & 1')} FROM (SELECT * FROM t)").fetchone()
    assert parse_numbers(first) == values
    assert parse_numbers(second) == [0, 1, 1, 0, 1]


def test_no_rows_are_no_numbers_and_no_pieces(memory: sqlite3.Connection) -> None:
    text, whole = memory.execute(f"SELECT {numbers('n')}, {joined('b')} FROM t").fetchone()
    assert parse_numbers(text) == []
    assert cut(whole, []) == []


@pytest.mark.parametrize("lengths", [[1], [1, 1, 1], [3]])
def test_lengths_that_do_not_fit_are_noticed(lengths: list[int]) -> None:
    with pytest.raises(StoreUnavailable, match="2 bytes"):
        cut(b"ab", lengths)


@pytest.mark.parametrize("values", [[], [5], [3, 2**62, -4]])
def test_a_list_of_numbers_is_one_parameter(memory: sqlite3.Connection, values: list[int]) -> None:
    rows = memory.execute("SELECT value FROM json_each(?)", (number_list(values),)).fetchall()
    assert [row[0] for row in rows] == values


def test_the_library_that_runs_the_tests_is_good_enough() -> None:
    check_sqlite()


def test_an_older_library_is_refused_with_both_versions() -> None:
    with pytest.raises(SQLiteTooOld, match=r"SQLite 3\.38\.5.*needs 3\.39\.0"):
        check_sqlite((3, 38, 5))
    check_sqlite(MIN_SQLITE)


def test_a_library_that_cuts_at_zero_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minirelay.store.one_step.joined", lambda column: f"substr({column}, 1, 1)")
    with pytest.raises(SQLiteTooOld, match="zero bytes"):
        check_sqlite()
