import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_typing import BlockNumber

from minirelay.dev.chain.ledger import Ledger, LedgerError, LogCriteria
from minirelay.dev.chain.transactions import Log, MinedTransaction

A, B = b"\xaa" * 20, b"\xbb" * 20
T = [bytes([n]) * 32 for n in range(5)]
ANY = LogCriteria((), (), 0, 100)


def header(number: int) -> PragueBlockHeader:
    return PragueBlockHeader(difficulty=0, block_number=BlockNumber(number), gas_limit=1, timestamp=number)


def mined(block: int, position: int = 0) -> MinedTransaction:
    return MinedTransaction(bytes([block, position + 1]) * 16, block, position, b"raw", True, 21_000, None)


@pytest.fixture
def empty() -> Iterator[Ledger]:
    ledger = Ledger(None)
    yield ledger
    ledger.close()


@pytest.fixture
def ledger(empty: Ledger) -> Ledger:
    """A ledger with blocks 0 to 3, each with one transaction and one log of A, topics T0 and its own."""
    made = empty
    with made.transaction():
        for number in range(4):
            made.append(header(number), [mined(number)], [Log(number, 0, 0, A, (T[0], T[number]), b"d")])
    return made


def test_empty_ledger_has_no_head(empty: Ledger) -> None:
    assert empty.head() is None


def test_headers_are_found_by_number_and_hash(ledger: Ledger) -> None:
    head = ledger.head()
    assert head is not None
    assert head.block_number == 3
    found = ledger.header_at(2)
    assert found == header(2)
    assert ledger.header_of(header(2).hash) == header(2)
    assert ledger.header_at(4) is None
    assert ledger.header_of(bytes(32)) is None


def test_hashes_before_a_block_come_newest_first(ledger: Ledger) -> None:
    assert list(ledger.hashes_before(3)) == [header(n).hash for n in (2, 1, 0)]


def test_transactions_are_found_by_hash_and_block(ledger: Ledger) -> None:
    assert ledger.transaction_of(mined(2).hash) == mined(2)
    assert ledger.transactions_in(2) == [mined(2)]
    assert ledger.transaction_of(bytes(32)) is None
    assert ledger.transactions_in(9) == []


def test_what_is_dropped_is_gone_with_all_that_hangs_on_it(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.drop_after(1)
    head = ledger.head()
    assert head is not None
    assert head.block_number == 1
    assert ledger.transaction_of(mined(2).hash) is None
    assert [log.block for log in ledger.logs(ANY, 10)] == [0, 1]


def test_failed_transaction_leaves_nothing(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.transaction():
            ledger.append(header(4), [mined(4)], [])
            ledger.nodes[b"key"] = b"value"
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert ledger.header_at(4) is None
    assert b"key" not in ledger.nodes


def test_nodes_stay_when_they_are_deleted(ledger: Ledger) -> None:
    ledger.nodes[b"key"] = b"value"
    del ledger.nodes[b"key"]
    assert ledger.nodes[b"key"] == b"value"
    with pytest.raises(KeyError):
        ledger.nodes[b"other"]


@pytest.mark.parametrize(
    ("criteria", "blocks"),
    [
        (ANY, [0, 1, 2, 3]),
        (LogCriteria((A,), (), 0, 9), [0, 1, 2, 3]),
        (LogCriteria((B,), (), 0, 9), []),
        (LogCriteria((B, A), (), 1, 2), [1, 2]),
        (LogCriteria((), ((T[0],),), 0, 9), [0, 1, 2, 3]),
        (LogCriteria((), ((T[1],),), 0, 9), []),
        (LogCriteria((), ((), (T[1], T[3])), 0, 9), [1, 3]),
        (LogCriteria((), ((), ()), 0, 9), [0, 1, 2, 3]),
        (LogCriteria((), ((), (), ()), 0, 9), []),
        (LogCriteria((), (), 3, 2), []),
    ],
)
def test_logs_that_match(ledger: Ledger, criteria: LogCriteria, blocks: list[int]) -> None:
    assert [log.block for log in ledger.logs(criteria, 10)] == blocks


def test_log_is_read_as_it_was_written_with_its_hashes(ledger: Ledger) -> None:
    (log,) = ledger.logs(LogCriteria((), (), 2, 2), 10)
    assert log == Log(2, 0, 0, A, (T[0], T[2]), b"d", header(2).hash, mined(2).hash)


def test_logs_are_limited(ledger: Ledger) -> None:
    assert len(ledger.logs(ANY, 3)) == 3


def test_pending_transactions_keep_their_order(ledger: Ledger) -> None:
    for tx_hash in (T[3], T[1], T[2]):
        ledger.add_pending(tx_hash, tx_hash[:1])
    ledger.remove_pending([T[1], T[4]])
    ledger.add_pending(T[1], T[1][:1])
    assert ledger.pending() == [T[3][:1], T[2][:1], T[1][:1]]


def test_numbers_are_remembered(ledger: Ledger) -> None:
    assert ledger.value("offset", -1) == -1
    ledger.remember("offset", 5)
    ledger.remember("offset", -6)
    assert ledger.value("offset", 0) == -6


def test_file_keeps_everything(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "chain")
    with first.transaction():
        first.append(header(0), [mined(0)], [Log(0, 0, 0, A, (), b"")])
        first.nodes[b"key"] = b"value"
    first.close()
    second = Ledger(tmp_path / "chain")
    assert second.head() == header(0)
    assert second.transactions_in(0) == [mined(0)]
    assert len(second.logs(ANY, 10)) == 1
    assert second.nodes[b"key"] == b"value"
    second.close()


def test_newer_file_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "chain").close()
    connection = sqlite3.connect(tmp_path / "chain")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(LedgerError, match="it has version 2"):
        Ledger(tmp_path / "chain")


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chain").write_bytes(b"something else, and longer than a header of SQLite's would be " * 9)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger(tmp_path / "chain")
