"""Many rows in one step.

`sqlite3` gives the interpreter lock away for every row that it fetches. While the event loop is busy and a
core is free, it may take five milliseconds or more to get it back, *each time*: a page of 64 rows then took
half a second, thousands of times as long as in an idle process. So the queries of this room let SQLite put
all rows of an answer into one: numbers as text with commas, byte strings end to end, next to their lengths.

SQLite joins byte strings with group_concat, which keeps zero bytes since 3.39; `check_sqlite` makes sure.
"""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from minirelay.store.errors import SQLiteTooOld, StoreUnavailable

MIN_SQLITE = (3, 39, 0)

_decode_numbers = msgspec.json.Decoder(list[int]).decode


def joined(column: str) -> str:
    """Write the SQL that joins a column of byte strings end to end."""
    return f"CAST(group_concat({column}, '') AS BLOB)"


def numbers(*columns: str) -> str:
    """Write the SQL that joins integer columns, each to a text with commas of its own."""
    return ", ".join(f"group_concat({column})" for column in columns)


def parse_numbers(text: str | None) -> list[int]:
    """Read what `numbers` joined; None is what SQL makes of no rows."""
    return _decode_numbers(f"[{text}]") if text else []


def number_list(values: Iterable[int]) -> str:
    """Write numbers as JSON, for `IN (SELECT value FROM json_each(?))`: one statement serves any number."""
    return "[" + ",".join(map(str, values)) + "]"


def cut(whole: bytes | None, lengths: Sequence[int]) -> list[bytes]:
    """Cut what `joined` joined into pieces of these lengths. Raises StoreUnavailable if they don't fit."""
    whole = whole or b""
    pieces = []
    start = 0
    for length in lengths:
        end = start + length
        pieces.append(whole[start:end])
        start = end
    if start != len(whole):
        raise StoreUnavailable(f"the database gave {len(whole)} bytes in place of {start}")
    return pieces


def check_sqlite(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> None:
    """Make sure that the SQLite library can do what is asked of it. Raises SQLiteTooOld."""
    if version < MIN_SQLITE:
        found, needed = (".".join(map(str, one)) for one in (version, MIN_SQLITE))
        raise SQLiteTooOld(f"Python is linked to SQLite {found}; minirelay needs {needed} or newer")
    connection = sqlite3.connect(":memory:")
    try:
        sql = f"SELECT {joined('column1')} FROM (VALUES (x'00ff'), (x'6100'))"  # noqa: S608
        row = connection.execute(sql).fetchone()
    finally:
        connection.close()
    if row[0] != b"\x00\xffa\x00":
        raise SQLiteTooOld(
            f"SQLite {sqlite3.sqlite_version} cuts byte strings at zero bytes; use another build"
        )
