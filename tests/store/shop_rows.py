"""All that is stored of a shop, with what row ids stand for in place of them: the same in any database."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from minirelay.store.database import FILE_NAME
from minirelay.store.log import decode_leaves
from minirelay.store.shop_tables import SHOP_TABLES

SEQ = 0xFFFFFFFFFF

SQL = {
    "shop": "SELECT * FROM shop WHERE id = :shop",
    "patch_set": "SELECT * FROM patch_set WHERE position >> 40 = :shop",
    "object_piece": """SELECT object_type, key, position & 0xfffff AS number, object_piece.value
        FROM object_piece JOIN object ON object.row = position >> 20 WHERE shop = :shop""",
    "relay_signer": "SELECT * FROM relay_signer",
    "payment_transfer": """SELECT payment_transfer.* FROM payment_transfer
        JOIN payment_request ON payment_request.id = request WHERE shop = :shop""",
    "stray_search": """SELECT stray_search.* FROM stray_search
        JOIN payment_request ON payment_request.id = request WHERE shop = :shop""",
    "payment_decision": """SELECT payment_decision.* FROM payment_decision
        JOIN payment_request ON payment_request.id = request WHERE shop = :shop""",
    "account_check": "SELECT account_check.* FROM account_check JOIN shop USING (shop_id) WHERE id = :shop",
    "block": """SELECT DISTINCT block.hash, data, is_served FROM block JOIN blob_block ON block = block.row
        JOIN shop_blob ON shop_blob.blob = blob_block.blob WHERE shop = :shop""",
    "blob": "SELECT blob.* FROM blob JOIN shop_blob ON blob = row WHERE shop = :shop",
    "shop_blob": """SELECT shop, hash, uploaded_at FROM shop_blob JOIN blob ON blob = row
        WHERE shop = :shop""",
    "blob_block": """SELECT blob.hash AS of_blob, place, block.hash AS of_block FROM blob_block
        JOIN blob ON blob.row = blob_block.blob JOIN block ON block.row = block
        JOIN shop_blob ON shop_blob.blob = blob.row
        WHERE shop = :shop""",
}
ROW_IDS = {"id", "row"}
"""What they are means nothing, but for their order."""
CARDS = {"card", "owner", "author"}


def rows_of(directory: Path, shop_id: int) -> dict[str, list[dict[str, Any]]]:
    """Read all rows of a shop, by table, each as columns."""
    path = f"file:{directory / FILE_NAME}?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        sql = "SELECT id FROM shop WHERE shop_id = ?"
        (shop,) = connection.execute(sql, (shop_id.to_bytes(32),)).fetchone()
        cards = dict(connection.execute("SELECT id, public_key FROM key_card").fetchall())
        found = {}
        for table in SHOP_TABLES:
            sql = SQL.get(table.name, f"SELECT * FROM {table.name} WHERE shop = :shop")
            rows = connection.execute(sql, {"shop": shop}).fetchall()
            found[table.name] = [_same_anywhere(dict(row), shop, cards) for row in rows]
            if not table.order:
                found[table.name].sort(key=repr)
    return found


def _same_anywhere(row: dict[str, Any], shop: int, cards: dict[int, bytes]) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in ROW_IDS}
    for name in CARDS & shown.keys():
        shown[name] = cards.get(shown[name], shown[name])
    if "shop" in shown:
        assert shown.pop("shop") == shop
    if "position" in shown:
        shown["position"] &= SEQ
    if "leaves" in shown:
        shown["leaves"] = [
            (leaf.object_type, leaf.object_id, cards.get(leaf.owner, leaf.owner))
            for leaf in decode_leaves(shown["leaves"])
        ]
    if shown.get("told_of"):
        told = re.sub(rf":{shop}:", ":SHOP:", shown["told_of"])
        shown["told_of"] = re.sub(r"(\d+)=", lambda held: f"{cards.get(int(held[1]), b'').hex()}=", told)
    if "public_key" in shown and len(shown["public_key"]) == 33 and "wallet" in shown:
        shown.pop("id", None)
    return shown
