"""What of each table belongs to one shop, and what its rows are called in another database (spec 09).

An export has these rows as they are; an import gives them the row ids that are free where they come to. A
table is named here or in NOT_COPIED, and a column that is not named travels as it is: what a migration adds
can't be forgotten.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

_OF_LOG: Final = "position > :shop << 40 AND position < :shop + 1 << 40"
_OF_REQUESTS: Final = "request IN (SELECT id FROM source.payment_request WHERE shop = :shop)"
_MOVED_CARD: Final = "(SELECT new FROM temp.moved_card WHERE old = one.{0})"
_SHOP: Final = ":row"
_NEXT: Final = "NULL"
"""In place of a row id: the next one that is free."""


def _moved(column: str) -> str:
    return f"CASE WHEN one.{column} > 0 THEN {_MOVED_CARD.format(column)} ELSE one.{column} END"


class ShopTable(NamedTuple):
    """A table. rows: SQL that is true of a shop's, in a database called `source`; :shop is its row id.

    moved: by column, SQL that makes the value which it has in a database called `main`, of the row `one` of
    a database called `imported`; :row is the shop's row id in `main`. order: in which the rows are added.
    unless_there: they may be there already, since they belong to no shop alone.
    """

    name: str
    rows: str
    moved: Mapping[str, str] = {}
    order: str = ""
    unless_there: bool = False


SHOP_TABLES: Final = (
    ShopTable("shop", "id = :shop", {"id": _SHOP}),
    ShopTable("key_card", "shop = :shop", {"id": _MOVED_CARD.format("id"), "shop": _SHOP}, "id"),
    ShopTable(
        "patch_set",
        _OF_LOG,
        {
            "position": f"{_SHOP} << 40 | (one.position & 0xffffffffff)",
            "leaves": "moved_leaves(one.leaves)",
            "author": _moved("author"),
        },
        "position",
    ),
    ShopTable("patch_index", "shop = :shop", {"shop": _SHOP, "owner": _moved("owner")}),
    ShopTable(
        "object",
        "shop = :shop",
        {
            "row": "(SELECT new FROM temp.moved_object WHERE old = one.row)",
            "shop": _SHOP,
            "owner": _moved("owner"),
        },
        "row",
    ),
    ShopTable(
        "object_piece",
        """position IN (SELECT piece.position
        FROM source.object AS whole CROSS JOIN source.object_piece AS piece
        ON piece.position > whole.row << 20 AND piece.position <= (whole.row << 20 | 0xfffff)
        WHERE whole.shop = :shop AND whole.pieces > 0)""",
        {
            "position": "(SELECT new FROM temp.moved_object WHERE old = one.position >> 20) << 20"
            " | (one.position & 0xfffff)"
        },
        "position",
    ),
    # Which of them have signed something here, the replay finds out.
    ShopTable("relay_signer", "1", unless_there=True),
    ShopTable("gap", "shop = :shop", {"shop": _SHOP}),
    ShopTable("reservation", "shop = :shop", {"shop": _SHOP, "card": _moved("card")}),
    ShopTable(
        "payment_request", "shop = :shop", {"row": _NEXT, "shop": _SHOP, "card": _moved("card")}, "row"
    ),
    ShopTable("payment_transfer", _OF_REQUESTS),
    ShopTable("stray_search", _OF_REQUESTS),
    ShopTable("payment_decision", _OF_REQUESTS, {"id": _NEXT}, "id"),
    ShopTable("account_check", "shop_id = :shop_id", unless_there=True),
    ShopTable(
        "alert", "shop = :shop", {"id": _NEXT, "shop": _SHOP, "told_of": "moved_told_of(one.told_of)"}, "id"
    ),
    # The listings as they were sold come with their requests, the others with the blobs.
    ShopTable(
        "block",
        """hash IN (WITH RECURSIVE sold (hashes, start) AS (
            SELECT listing_hashes, 1 FROM source.payment_request WHERE shop = :shop
            UNION ALL SELECT hashes, start + 32 FROM sold WHERE start + 32 <= length(hashes)
        ) SELECT substr(hashes, start, 32) FROM sold)""",
        {"row": _NEXT},
        "row",
        unless_there=True,
    ),
    ShopTable("blob", "row IN (SELECT blob FROM temp.wanted_blob)", {"row": _NEXT}, "row", unless_there=True),
    ShopTable(
        "shop_blob",
        "0",  # a blob that the shop only names was uploaded by another one
        {
            "shop": _SHOP,
            "blob": """(SELECT main.blob.row FROM imported.blob AS other JOIN main.blob
            ON main.blob.hash = other.hash WHERE other.row = one.blob)""",
        },
    ),
    ShopTable(
        "blob_block",
        "blob IN (SELECT blob FROM temp.wanted_blob)",
        {
            "blob": """(SELECT main.blob.row FROM imported.blob AS other JOIN main.blob
            ON main.blob.hash = other.hash WHERE other.row = one.blob)""",
            "block": """(SELECT main.block.row FROM imported.block AS other JOIN main.block
            ON main.block.hash = other.hash WHERE other.row = one.block)""",
        },
        unless_there=True,
    ),
)
"""In an order in which each row comes behind those that it names."""

NOT_COPIED: Final = {
    "migration": "what was done to a file",
    "meta": "notes of the relay; those about a shop are told one by one",
    "missing_time": "of the database that was restored, not of the shop",
    "unknown_payment": "of what a restore lacked, not of the shop",
    **dict.fromkeys(("webhook_topic", "webhook_told", "webhook_event"), "of the relay that posts them"),
    "chain_head": "the importing relay has its own; one block of each chain comes with its mark",
    "chain_mark": "of all shops: the importing relay's goes back to it",
}
"""Why the other tables stay."""
