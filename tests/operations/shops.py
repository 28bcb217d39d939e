"""A relay's directory with two shops that have everything, and others to import them into."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from minirelay.operations.export_file import Export
from minirelay.operations.exporting import export_shop, list_shops
from minirelay.store.database import FILE_NAME
from minirelay.store.high_water import HIGH_WATER_FILE
from tests.operations.databases import fill as fill_other
from tests.relay.house import SHOP
from tests.system.test_tampering import OTHER_SHOP, fill

__all__ = ["OTHER_SHOP", "SHOP", "everything", "export_of", "fill_other", "make_other", "run_sql"]

PAID_THERE = """
UPDATE payment_request SET state = 'late', received = zeroblob(32) WHERE row = 1;
INSERT INTO payment_transfer (request, kind, token, transaction_hash, log_index, chain_id, block_number,
    block_hash, amount, is_proven, is_deep) SELECT id, 'event', zeroblob(20), zeroblob(32), 3, x'', 90,
    zeroblob(32), zeroblob(32), 1, 1 FROM payment_request WHERE row = 1;
INSERT INTO payment_transfer (request, kind, token, transaction_hash, log_index, chain_id, block_number,
    block_hash, amount, is_proven, is_deep) SELECT id, 'stray', zeroblob(20), x'', 0, x'000000000000000a', 90,
    zeroblob(32), zeroblob(32), 1, 1 FROM payment_request WHERE row = 1;
INSERT INTO stray_search (request, chain_id, is_read)
    SELECT id, x'000000000000000a', 1 FROM payment_request WHERE row = 1;
INSERT INTO payment_decision (request, decision, decided_by, reason, decided_at)
    SELECT id, 'accept', 'somebody', 'cash', 1800000000 FROM payment_request WHERE row = 2;
INSERT INTO alert (kind, shop, chain_id, address, request_ids, raised_at, told_of)
    SELECT 'late', shop, chain_id, currency, id, 1800000001, 'late:' || lower(hex(id))
    FROM payment_request WHERE row = 1;
INSERT INTO alert (kind, shop, chain_id, address, request_ids, raised_at, told_of, count)
    SELECT 'late', shop, chain_id, currency, x'', 1800000002, 'late:more:' || shop || ':500000', 7
    FROM payment_request WHERE row = 1;
INSERT INTO alert (kind, shop, chain_id, address, request_ids, raised_at, told_of)
    SELECT 'stock held', shop, NULL, NULL, x'', 1800000003,
    'stock held:' || shop || ':00aa:20833:' || card || '=2,0=1' FROM payment_request WHERE row = 1;
INSERT INTO account_check (shop_id, wallet, may_be_added) SELECT shop_id, zeroblob(20), 1 FROM shop;
INSERT INTO chain_mark (chain_id, scanned, deep, final, final_time)
    VALUES (x'0000000000000539', 100, 90, 80, 1790000000);
INSERT INTO chain_head (chain_id, number, hash, parent, timestamp)
    VALUES (x'0000000000000539', 85, zeroblob(32), zeroblob(32), 1790000500);
INSERT INTO chain_head (chain_id, number, hash, parent, timestamp)
    VALUES (x'0000000000000539', 100, zeroblob(32), zeroblob(32), 1790000900);
INSERT OR REPLACE INTO meta VALUES ('payments_looked_at_1337', x'000000006ab13f68');
"""
"""1337 is the chain of the orders; row 1 of payment_request is the second shop's."""


def everything(directory: Path) -> Path:
    """Make two shops, with a history, files, orders, payments, alerts."""
    directory.mkdir()
    asyncio.run(fill(directory))
    run_sql(directory, PAID_THERE)
    return directory


def run_sql(directory: Path, script: str) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.executescript(script)


def export_of(directory: Path, shop_id: int, target: Path) -> Export:
    (row,) = [row for row in list_shops(directory) if row.shop_id == shop_id]
    return export_shop(directory, row, target)


def make_other(directory: Path, *, cards: bool = True) -> None:
    """Let the shops of a relay be other ones than they are, with other key cards if that is wanted."""
    run_sql(directory, "UPDATE shop SET shop_id = CAST(randomblob(32) AS BLOB)")
    if cards:
        run_sql(directory, "UPDATE key_card SET public_key = randomblob(33)")
    (directory / HIGH_WATER_FILE).unlink()
