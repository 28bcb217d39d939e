"""Putting a copy into a database: in one transaction, with row ids that are free.

What arrives is compared in tests/operations/test_importing.py.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from minirelay.store.batch import rows_of as batch_of
from minirelay.store.database import FILE_NAME, Store, connect_writer
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import ShopRow
from minirelay.store.operator_alerts import IMPORTED
from minirelay.store.shop_import import Unwanted, import_shop
from minirelay.store.webhook_events import WebhookTopics
from tests.operations.shops import OTHER_SHOP, everything
from tests.store.shop_rows import rows_of
from tests.store.test_shop_copy import copy

NOW = 1_800_000_000


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    return copy(everything(folder / "data"), folder / "copy", ShopRow(2, OTHER_SHOP, 0)) / FILE_NAME


@pytest.fixture
async def empty(tmp_path: Path) -> Path:
    async with await Store.open(tmp_path / "data"):
        return tmp_path / "data"


def put(directory: Path, copied: Path, told: int = 0) -> int:
    with closing(connect_writer(directory / FILE_NAME, "full")) as connection:
        row, _ = import_shop(
            connection, copied, shop_id=OTHER_SHOP, exported_at=NOW - 60, imported_at=NOW, told=told
        )
        assert [name for _, name, _ in connection.execute("PRAGMA database_list")] == ["main", "temp"]
    return row


def test_a_number_that_was_told_before_is_not_given_out_again(empty: Path, copied: Path) -> None:
    put(empty, copied, told=2**39)
    assert [gap["next"] for gap in rows_of(empty, OTHER_SHOP)["gap"]] == [2**39 + 2**14]


def test_of_a_transaction_that_fails_nothing_stays(empty: Path, copied: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copy(copied, broken)
    with closing(sqlite3.connect(broken)) as connection:
        # The last table but some: all before it are in the transaction by then.
        connection.execute("UPDATE alert SET told_of = 'the same' WHERE told_of IS NOT NULL AND id = 1")
        connection.execute("DROP TABLE blob_block")
        connection.commit()
    with pytest.raises(StoreUnavailable, match="blob_block"):
        put(empty, broken)
    with closing(sqlite3.connect(empty / FILE_NAME)) as connection:
        for table in ("shop", "key_card", "patch_set", "payment_request", "alert", "chain_mark", "gap"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    # The same connection, the same directory: it goes on.
    assert put(empty, copied) == 1


def test_alerts_that_come_with_the_shop_are_not_told_to_the_webhook_again(empty: Path, copied: Path) -> None:
    with closing(connect_writer(empty / FILE_NAME, "full")) as connection:
        for statement in batch_of([WebhookTopics(frozenset({"alerts", "payments"}))]).statements():
            connection.execute(statement.sql, statement.parameters)
    put(empty, copied)
    with closing(sqlite3.connect(empty / FILE_NAME)) as connection:
        assert connection.execute("SELECT count(*) > 1 FROM alert").fetchone() == (1,)
        assert connection.execute("SELECT state FROM webhook_event").fetchall() == [(IMPORTED,)]


def test_the_same_shop_does_not_come_twice(empty: Path, copied: Path) -> None:
    put(empty, copied)
    with pytest.raises(Unwanted, match="already"):
        put(empty, copied)
