"""The chain's database: one SQLite file, or memory.

Blocks, transactions and logs are rows, so that they are found without walking tries; py-evm's trie nodes lie
beside them as keys and values. Nodes belong to their content and are never deleted, which keeps every old
state readable. What one block adds is one transaction: a kill at any moment leaves whole blocks.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlp
from eth.abc import AtomicDatabaseAPI, BlockHeaderAPI
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_typing import Hash32

from minirelay.dev.chain.transactions import Log, MinedTransaction

SCHEMA_VERSION = 1
SCHEMA = f"""
CREATE TABLE node (key BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE block (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, header BLOB NOT NULL) STRICT;
CREATE TABLE tx (
    hash BLOB PRIMARY KEY,
    block INTEGER NOT NULL REFERENCES block ON DELETE CASCADE,
    position INTEGER NOT NULL,
    raw BLOB NOT NULL,
    is_success INTEGER NOT NULL,
    gas_used INTEGER NOT NULL,
    created BLOB,
    UNIQUE (block, position)
) STRICT;
CREATE TABLE log (
    block INTEGER NOT NULL REFERENCES block ON DELETE CASCADE,
    position INTEGER NOT NULL,
    tx_position INTEGER NOT NULL,
    address BLOB NOT NULL,
    topic0 BLOB,
    topic1 BLOB,
    topic2 BLOB,
    topic3 BLOB,
    data BLOB NOT NULL,
    PRIMARY KEY (block, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_by_address ON log (address, block);
CREATE TABLE pending (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, raw BLOB NOT NULL
) STRICT;
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
PRAGMA user_version = {SCHEMA_VERSION};
"""

# States that were changed by hand, by the block behind which they lie. Also in databases from before this.
CHANGED_STATES = """
CREATE TABLE IF NOT EXISTS changed_state (
    block INTEGER PRIMARY KEY REFERENCES block ON DELETE CASCADE, root BLOB NOT NULL
) STRICT;
"""

MAX_TOPICS = 4


@dataclass(frozen=True, slots=True)
class LogCriteria:
    """Which logs: of these addresses (empty: all), topics by position (empty: any), from block to block."""

    addresses: tuple[bytes, ...]
    topics: tuple[tuple[bytes, ...], ...]
    first_block: int
    last_block: int


class LedgerError(Exception):
    """The database can't be opened; the message says why, on one line."""


class Ledger:
    """Everything that the chain remembers."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the database; in memory without a path. Raises LedgerError."""
        try:
            self._connection = _open(path)
        except sqlite3.Error as error:
            raise LedgerError(f"cannot open the chain's database {path}: {error}") from error
        self.nodes: AtomicDatabaseAPI = AtomicDB(_NodeStore(self._connection))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all writes inside, or none of them."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # Blocks

    def append(
        self, header: BlockHeaderAPI, transactions: Iterable[MinedTransaction], logs: Iterable[Log]
    ) -> None:
        """Add the next block; inside a transaction."""
        self._connection.execute(
            "INSERT INTO block VALUES (?, ?, ?)", (header.block_number, header.hash, rlp.encode(header))
        )
        self._connection.executemany(
            "INSERT INTO tx VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((t.hash, t.block, t.position, t.raw, t.is_success, t.gas_used, t.created) for t in transactions),
        )
        self._connection.executemany(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((g.block, g.position, g.tx_position, g.address, *_padded(g.topics), g.data) for g in logs),
        )

    def drop_after(self, number: int) -> None:
        """Forget all blocks behind this one; inside a transaction."""
        self._connection.execute("DELETE FROM block WHERE number > ?", (number,))

    def head(self) -> BlockHeaderAPI | None:
        """Return the newest header; None in an empty database."""
        return self._header("ORDER BY number DESC LIMIT 1")

    def header_at(self, number: int) -> BlockHeaderAPI | None:
        """Return the header with this number."""
        return self._header("WHERE number = ?", number)

    def header_of(self, block_hash: bytes) -> BlockHeaderAPI | None:
        """Return the header with this hash."""
        return self._header("WHERE hash = ?", block_hash)

    def _header(self, condition: str, *values: int | bytes) -> BlockHeaderAPI | None:
        row = self._row(f"SELECT header FROM block {condition}", values)  # noqa: S608 (fixed texts)
        return None if row is None else rlp.decode(row[0], sedes=PragueBlockHeader)

    def hashes_before(self, number: int) -> Iterator[Hash32]:
        """Yield the block hashes below this number, newest first, as far as contracts can ask for them."""
        rows = self._connection.execute(
            "SELECT hash FROM block WHERE number < ? ORDER BY number DESC LIMIT 256", (number,)
        )
        return (row[0] for row in rows)

    def changed_root(self, number: int) -> bytes | None:
        """Return the root of the state behind a block if that was changed by hand."""
        row = self._row("SELECT root FROM changed_state WHERE block = ?", (number,))
        return None if row is None else bytes(row[0])

    def set_changed_root(self, number: int, root: bytes | None) -> None:
        """Note a changed state, or that it is changed no more; inside a transaction."""
        self._connection.execute("DELETE FROM changed_state WHERE block = ?", (number,))
        if root is not None:
            self._connection.execute("INSERT INTO changed_state VALUES (?, ?)", (number, root))

    # Transactions

    def transaction_of(self, tx_hash: bytes) -> MinedTransaction | None:
        """Return the mined transaction with this hash."""
        row = self._row("SELECT * FROM tx WHERE hash = ?", (tx_hash,))
        return None if row is None else _transaction(row)

    def transactions_in(self, number: int) -> list[MinedTransaction]:
        """Return the transactions of one block, in order."""
        rows = self._connection.execute("SELECT * FROM tx WHERE block = ? ORDER BY position", (number,))
        return [_transaction(row) for row in rows]

    # Logs

    def logs(self, criteria: LogCriteria, limit: int) -> list[Log]:
        """Return the logs that match, oldest first, at most `limit`."""
        conditions = ["log.block BETWEEN ? AND ?"]
        values: list[int | bytes] = [criteria.first_block, criteria.last_block]
        columns = [("address", criteria.addresses)]
        columns += [(f"topic{position}", wanted) for position, wanted in enumerate(criteria.topics)]
        for column, wanted in columns:
            if wanted:
                conditions.append(f"{column} IN ({','.join('?' * len(wanted))})")
                values += wanted
        # A filter of n positions matches only logs with n topics or more, also where it takes any.
        if criteria.topics:
            conditions.append(f"topic{len(criteria.topics) - 1} IS NOT NULL")
        query = (
            "SELECT log.*, block.hash, tx.hash FROM log JOIN block ON block.number = log.block "  # noqa: S608
            "JOIN tx ON tx.block = log.block AND tx.position = log.tx_position "
            f"WHERE {' AND '.join(conditions)} ORDER BY log.block, log.position LIMIT ?"
        )
        return [_log(row) for row in self._connection.execute(query, (*values, limit))]

    # Pending transactions, and single values

    def add_pending(self, tx_hash: bytes, raw: bytes) -> None:
        """Remember a transaction that waits for its block."""
        self._connection.execute("INSERT INTO pending (hash, raw) VALUES (?, ?)", (tx_hash, raw))

    def remove_pending(self, hashes: Iterable[bytes]) -> None:
        """Forget transactions that wait no longer."""
        self._connection.executemany("DELETE FROM pending WHERE hash = ?", ((h,) for h in hashes))

    def pending(self) -> list[bytes]:
        """Return the waiting transactions, encoded, in the order of their arrival."""
        return [row[0] for row in self._connection.execute("SELECT raw FROM pending ORDER BY arrival")]

    def value(self, key: str, default: int) -> int:
        """Return a single remembered number."""
        row = self._row("SELECT value FROM meta WHERE key = ?", (key,))
        return default if row is None else int(row[0])

    def remember(self, key: str, value: int) -> None:
        """Remember a single number."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _row(self, query: str, values: Sequence[int | str | bytes]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(query, tuple(values)).fetchone()
        return row


class _NodeStore(BaseDB):
    """Trie nodes and contract code, as py-evm wants to see them: a mapping of bytes to bytes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT value FROM node WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO node VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        """Keep the node: an older state may need it, and py-evm only deletes what the newest one doesn't."""

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("SELECT 1 FROM node WHERE key = ?", (key,)).fetchone() is not None


def _open(path: Path | None) -> sqlite3.Connection:
    # The time-out is for a predecessor that is just ending.
    connection = sqlite3.connect(":memory:" if path is None else path, timeout=2.0, isolation_level=None)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    # Exclusive: two chains on one file would overwrite each other's blocks.
    connection.executescript(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        "PRAGMA foreign_keys = ON;"
    )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN EXCLUSIVE; {SCHEMA} COMMIT;")
    elif version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, this minirelay knows {SCHEMA_VERSION}")
    connection.executescript(CHANGED_STATES)


def _padded(topics: tuple[bytes, ...]) -> tuple[bytes | None, ...]:
    return (*topics, *((None,) * (MAX_TOPICS - len(topics))))


def _transaction(row: tuple[Any, ...]) -> MinedTransaction:
    tx_hash, block, position, raw, is_success, gas_used, created = row
    return MinedTransaction(tx_hash, block, position, raw, bool(is_success), gas_used, created)


def _log(row: tuple[Any, ...]) -> Log:
    block, position, tx_position, address, *topics, data, block_hash, tx_hash = row
    present = tuple(topic for topic in topics if topic is not None)
    return Log(block, position, tx_position, address, present, data, block_hash, tx_hash)
