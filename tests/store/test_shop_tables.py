"""Which tables a shop travels with: none is forgotten, now or by a later migration."""

import sqlite3
from contextlib import closing
from pathlib import Path

from minirelay.store.schema import migrate
from minirelay.store.shop_tables import NOT_COPIED, SHOP_TABLES

ROW_IDS = {"shop", "id", "row", "position", "card", "owner", "author", "blob", "block", "leaves", "told_of"}
"""Columns that hold row ids, or texts with some."""
THE_SAME_ANYWHERE = {("payment_request", "id")}


def columns() -> dict[str, set[str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, Path("memory"))
        sql = """SELECT tables.name, columns.name FROM pragma_table_list AS tables
            JOIN pragma_table_info(tables.name) AS columns
            WHERE tables.schema = 'main' AND tables.name NOT LIKE 'sqlite%'"""
        found: dict[str, set[str]] = {}
        for table, column in connection.execute(sql):
            found.setdefault(table, set()).add(column)
    return found


def test_every_table_travels_or_it_is_said_why_not() -> None:
    travelling = {table.name for table in SHOP_TABLES}
    assert len(travelling) == len(SHOP_TABLES)
    assert not travelling & NOT_COPIED.keys()
    assert columns().keys() <= travelling | NOT_COPIED.keys()
    assert travelling <= columns().keys()


def test_every_row_id_is_moved() -> None:
    for table in SHOP_TABLES:
        wanted = {
            name for name in columns()[table.name] & ROW_IDS if (table.name, name) not in THE_SAME_ANYWHERE
        }
        assert table.moved.keys() == wanted, table.name


def test_what_is_named_comes_before_what_names_it() -> None:
    order = [table.name for table in SHOP_TABLES]
    for first, second in [
        ("shop", "key_card"),
        ("key_card", "patch_set"),
        ("object", "object_piece"),
        ("payment_request", "payment_transfer"),
        ("payment_request", "stray_search"),
        ("payment_request", "payment_decision"),
        ("block", "blob_block"),
        ("blob", "blob_block"),
        ("blob", "shop_blob"),
    ]:
        assert order.index(first) < order.index(second)
