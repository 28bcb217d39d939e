"""One shop of a checked copy, put into a database in one transaction (spec 09, "import").

The copy is a database that has this shop only, made by `shop_copy`, and whoever calls this has replayed it.
"""

# ruff: noqa: S608 - the SQL is put together from the schema and from constants of this room

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from minirelay.errors import StoreError
from minirelay.protocol.ids import NOBODY, UINT256_BYTES
from minirelay.store.batch import rows_of
from minirelay.store.chain_rows import looked_at_key
from minirelay.store.checkout_rows import SECOND_BYTES, judged_at_key
from minirelay.store.connection import rolled_back_on_error, unavailable
from minirelay.store.gaps import leave_gaps, read_gaps
from minirelay.store.log import decode_leaves
from minirelay.store.messages import NEW_SHOPS, Leaf
from minirelay.store.missing_time import describe_span, note_missing
from minirelay.store.operator_alerts import IMPORTED, OperatorAlert
from minirelay.store.shop_copy import columns_of
from minirelay.store.shop_tables import SHOP_TABLES, ShopTable
from minirelay.store.shops import get_meta
from minirelay.store.stock_rows import STOCK_HELD
from minirelay.store.webhook_triggers import untold

MOST_CHAINS: Final = 64
"""So many chains may be in a copy."""

_TAKEN_CARD: Final = """SELECT own.public_key, shop.shop_id FROM imported.key_card
    JOIN main.key_card AS own USING (public_key) JOIN main.shop ON shop.id = own.shop LIMIT 1"""
_TAKEN_REQUEST: Final = """SELECT own.id, shop.shop_id FROM imported.payment_request
    JOIN main.payment_request AS own USING (id) JOIN main.shop ON shop.id = own.shop LIMIT 1"""
_MARK: Final = "SELECT deep, final FROM main.chain_mark WHERE chain_id = ?"
# As a reorganisation does: the newest block that is final, up to there, if it is still known.
_REWIND: Final = """UPDATE main.chain_mark SET scanned = :deep, deep = :deep,
    final = coalesce((SELECT max(number) FROM main.chain_head AS one WHERE one.chain_id = :chain
        AND number <= min(:deep, final)), 0),
    final_time = coalesce((SELECT timestamp FROM main.chain_head AS one WHERE one.chain_id = :chain
        AND number <= min(:deep, final) ORDER BY number DESC LIMIT 1), 0)
    WHERE chain_id = :chain"""
_encode_leaves = msgspec.msgpack.Encoder().encode
_STOCK_HELD: Final = re.compile(rf"{re.escape(STOCK_HELD)}:[0-9]+:([^:]*):([^:]*):(.*)", re.DOTALL)
_OF_MORE: Final = re.compile(r"([^:]*:more:)[0-9]+(:.*)", re.DOTALL)
_HOLDER: Final = re.compile(r"([0-9]{1,19})=")


class Unwanted(StoreError):
    """What is to be imported is there already, or clashes with what is there."""


class TooFarBack(StoreError):
    """A chain would be read again from so far back that all its shops would wait for long."""


class Rewound(msgspec.Struct, frozen=True):
    """A chain that is read again. before: the block from which it would have gone on; None: it is new."""

    chain_id: int
    read_from: int
    before: int | None


def import_shop(
    connection: sqlite3.Connection,
    copy: Path,
    *,
    shop_id: int,
    exported_at: int,
    imported_at: int,
    told: int = 0,
    most_back: int | None = None,
) -> tuple[int, list[Rewound]]:
    """Put the shop of a copy into a database, all of it or nothing; it is on disk when this returns.

    connection: the one that writes. shop_id: of the shop in the copy. Times are epoch seconds. told: the
    greatest number that clients may have been told here before. most_back: so many blocks a chain may go
    back; None: any number. Return the shop's row id and the chains that are read again. Raises Unwanted,
    TooFarBack, StoreUnavailable.
    """
    try:
        with _attached(connection, copy), rolled_back_on_error(connection):
            connection.execute("BEGIN IMMEDIATE")
            _refuse_what_is_there(connection, shop_id)
            with untold(connection):
                row = _move(connection)
            rewound = _rewind_chains(connection, imported_at)
            _refuse_too_far_back(rewound, most_back)
            _copy_notes(connection, row, imported_at)
            known = max([told, *[gap.next for gap in read_gaps(connection, NEW_SHOPS)]])
            leave_gaps(connection, imported_at, shops=[row], told={shop_id: known})
            note_missing(connection, exported_at, imported_at)
            _tell(connection, shop_id, exported_at, imported_at)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise unavailable("store the imported shop", error) from error
    return row, rewound


@contextmanager
def _attached(connection: sqlite3.Connection, copy: Path) -> Iterator[None]:
    connection.execute("ATTACH ? AS imported", (f"{copy.absolute().as_uri()}?mode=ro&immutable=1",))
    try:
        yield
    finally:
        for table in ("moved_card", "moved_object"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        connection.execute("DETACH imported")


def _refuse_what_is_there(connection: sqlite3.Connection, shop_id: int) -> None:
    stored = shop_id.to_bytes(UINT256_BYTES)
    if connection.execute("SELECT 1 FROM main.shop WHERE shop_id = ?", (stored,)).fetchone():
        raise Unwanted(
            f"shop {shop_id} is on this relay already: import it into another data directory; to go back to "
            "what it was, restore a backup"
        )
    if (found := connection.execute(_TAKEN_CARD).fetchone()) is not None:
        raise Unwanted(
            f"key card 0x{found[0].hex()} is enrolled here for shop {int.from_bytes(found[1])}, "
            "and a card is of one shop only: the two can't be on one relay"
        )
    if (found := connection.execute(_TAKEN_REQUEST).fetchone()) is not None:
        raise Unwanted(f"payment request 0x{found[0].hex()} is here of shop {int.from_bytes(found[1])}")


def _move(connection: sqlite3.Connection) -> int:
    """Copy the rows, with row ids that are free. Return the shop's."""
    row: int = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM main.shop").fetchone()[0]
    _renumber(connection, "card", "SELECT id FROM imported.key_card ORDER BY id", "key_card", "id")
    _renumber(connection, "object", "SELECT row FROM imported.object ORDER BY row", "object", "row")
    connection.create_function("moved_leaves", 1, _LeafMover(connection).move, deterministic=True)
    told_of = _AlertMover(connection, row)
    connection.create_function("moved_told_of", 1, told_of.move, deterministic=True)
    for table in SHOP_TABLES:
        _move_table(connection, table, row)
    return row


def _renumber(connection: sqlite3.Connection, name: str, ids: str, table: str, column: str) -> None:
    connection.execute(f"CREATE TEMP TABLE moved_{name} (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
    connection.execute(
        f"INSERT INTO temp.moved_{name} SELECT {column}, row_number() OVER (ORDER BY {column}) + "
        f"(SELECT coalesce(max({column}), 0) FROM main.{table}) FROM ({ids})"
    )


def _move_table(connection: sqlite3.Connection, table: ShopTable, row: int) -> None:
    columns = columns_of(connection, table.name)
    values = ", ".join([table.moved.get(column, f"one.{column}") for column in columns])
    order = f" ORDER BY one.{table.order}" if table.order else ""
    unless_there = " ON CONFLICT DO NOTHING" if table.unless_there else ""
    connection.execute(
        f"INSERT INTO main.{table.name} ({', '.join(columns)}) SELECT {values} "
        f"FROM imported.{table.name} AS one WHERE true{order}{unless_there}",
        {"row": row},
    )


class _LeafMover:
    """Gives the owners in the leaves of sets the row ids of their cards here."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cards = _cards(connection)

    def move(self, data: bytes) -> bytes:
        leaves = decode_leaves(data)
        if all(leaf.owner == NOBODY for leaf in leaves):
            return data
        return _encode_leaves(
            [
                leaf
                if leaf.owner == NOBODY
                else Leaf(leaf.object_type, leaf.object_id, self._cards[leaf.owner])
                for leaf in leaves
            ]
        )


class _AlertMover:
    """Gives what alerts are told of the row ids here, where these are part of it."""

    def __init__(self, connection: sqlite3.Connection, row: int) -> None:
        self._row = row
        self._cards = _cards(connection)

    def move(self, told_of: str | None) -> str | None:
        if told_of is None:
            return None
        if (found := _STOCK_HELD.fullmatch(told_of)) is not None:
            key, day, holders = found.groups()
            return f"{STOCK_HELD}:{self._row}:{key}:{day}:{_HOLDER.sub(self._moved, holders)}"
        return _OF_MORE.sub(rf"\g<1>{self._row}\g<2>", told_of, count=1)

    def _moved(self, holder: re.Match[str]) -> str:
        return f"{self._cards.get(int(holder[1]), NOBODY)}="


def _cards(connection: sqlite3.Connection) -> Mapping[int, int]:
    return dict(connection.execute("SELECT old, new FROM temp.moved_card").fetchall())


def _rewind_chains(connection: sqlite3.Connection, imported_at: int) -> list[Rewound]:
    """Let chains be read again from where the copy's relay was, if that is before where this one is."""
    rewound = []
    marks = connection.execute(
        "SELECT chain_id, min(scanned, deep) FROM imported.chain_mark ORDER BY chain_id LIMIT ?",
        (MOST_CHAINS,),
    ).fetchall()
    for chain, deep in marks:
        own = connection.execute(_MARK, (chain,)).fetchone()
        if own is None:
            connection.execute("INSERT INTO main.chain_mark VALUES (?, ?, ?, 0, 0)", (chain, deep, deep))
            connection.execute(
                "INSERT INTO main.chain_head SELECT * FROM imported.chain_head WHERE chain_id = ? "
                "AND timestamp <= ? ORDER BY number DESC LIMIT 1 ON CONFLICT DO NOTHING",
                (chain, imported_at),
            )
        elif deep < own[0]:
            connection.execute(_REWIND, {"chain": chain, "deep": deep})
        if own is None or deep < own[0]:
            before = None if own is None else own[0]
            rewound.append(Rewound(int.from_bytes(chain), deep, before))
    return rewound


def _refuse_too_far_back(rewound: list[Rewound], most_back: int | None) -> None:
    for one in rewound:
        if one.before is not None and most_back is not None and one.before - one.read_from > most_back:
            raise TooFarBack(
                f"chain {one.chain_id} would be read again from block {one.read_from:,}, "
                f"{one.before - one.read_from:,} blocks back, and the payments there of all shops would wait "
                "for it: import with --far-back if it is to be so"
            )


def _copy_notes(connection: sqlite3.Connection, row: int, imported_at: int) -> None:
    """Copy the notes about the shop. What lies in the future is not believed."""
    (old,) = connection.execute("SELECT id FROM imported.shop").fetchone()
    judged_at = _imported_second(connection, judged_at_key(old), imported_at)
    if judged_at is not None:
        _put_meta(connection, judged_at_key(row), judged_at)
    for (chain,) in connection.execute(
        "SELECT chain_id FROM imported.chain_mark LIMIT ?", (MOST_CHAINS,)
    ).fetchall():
        chain_id = int.from_bytes(chain)
        looked_at = _imported_second(connection, looked_at_key(chain_id), imported_at)
        own = get_meta(connection, looked_at_key(chain_id))
        if looked_at is None:
            looked_at = bytes(SECOND_BYTES)
        if own is None:
            _put_meta(connection, looked_at_key(chain_id), looked_at)
        else:
            # Of other shops, all was looked at since; this one's counts until the next look at all of them.
            _put_meta(connection, looked_at_key(chain_id, row), looked_at + own)


def _imported_second(connection: sqlite3.Connection, key: str, latest: int) -> bytes | None:
    found = connection.execute("SELECT value FROM imported.meta WHERE key = ?", (key,)).fetchone()
    if found is None or len(found[0]) != SECOND_BYTES:
        return None
    return min(int.from_bytes(found[0]), latest).to_bytes(SECOND_BYTES)


def _put_meta(connection: sqlite3.Connection, key: str, value: bytes) -> None:
    connection.execute("INSERT OR REPLACE INTO main.meta (key, value) VALUES (?, ?)", (key, value))


def _tell(connection: sqlite3.Connection, shop_id: int, exported_at: int, imported_at: int) -> None:
    span = describe_span(min(exported_at, imported_at), imported_at)
    detail = f"shop {shop_id} was imported: {span}, and browsers that had more must clear the site's data"
    for statement in rows_of([OperatorAlert(IMPORTED, detail, imported_at)]).statements():
        connection.execute(statement.sql, statement.parameters)
