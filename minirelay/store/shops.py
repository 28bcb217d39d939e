"""Shops, their key cards, the row ids that are free, and the notes in `meta`."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3

from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.ids import UINT256_BYTES
from minirelay.protocol.signing import PUBLIC_KEY_BYTES
from minirelay.store.messages import KeyCard, NextRows, ShopRow
from minirelay.store.one_step import cut, joined, numbers, parse_numbers

_NONCE_BYTES = 8


def find_shop(connection: sqlite3.Connection, shop_id: int) -> ShopRow | None:
    """Look a shop up by its token id."""
    shops = _shops(connection, "shop_id = ?", shop_id.to_bytes(UINT256_BYTES, "big"))
    return shops[0] if shops else None


def find_shop_of_row(connection: sqlite3.Connection, row_id: int) -> ShopRow | None:
    """Look a shop up by its row id."""
    shops = _shops(connection, "id = ?", row_id)
    return shops[0] if shops else None


def list_shops(connection: sqlite3.Connection) -> list[ShopRow]:
    """List all shops, in the order in which they came."""
    return _shops(connection, "?", True)


def find_card(connection: sqlite3.Connection, public_key: bytes) -> KeyCard | None:
    """Look a key card up."""
    cards = _cards(connection, "public_key = ?", public_key)
    return cards[0] if cards else None


def list_cards(connection: sqlite3.Connection, shop: int) -> list[KeyCard]:
    """List the key cards of a shop, in the order in which they were enrolled."""
    return _cards(connection, "shop = ?", shop)


def count_guest_cards(connection: sqlite3.Connection, shop: int) -> int:
    """Count the guest cards of a shop, unlinked ones included."""
    sql = "SELECT count(*) FROM key_card WHERE shop = ? AND is_guest = 1"
    count: int = connection.execute(sql, (shop,)).fetchone()[0]
    return count


def list_relay_signers(connection: sqlite3.Connection) -> list[bytes]:
    """List the public keys with which the relay has signed since authors are stored."""
    sql = f"SELECT count(*), {joined('public_key')} FROM (SELECT * FROM relay_signer ORDER BY public_key)"
    count, keys = connection.execute(sql).fetchone()
    return cut(keys, [PUBLIC_KEY_BYTES] * count)


def next_rows(connection: sqlite3.Connection) -> NextRows:
    """Find the first row ids that are free."""
    sql = """SELECT (SELECT coalesce(max(id), 0) + 1 FROM shop),
        (SELECT coalesce(max(id), 0) + 1 FROM key_card)"""
    return NextRows(*connection.execute(sql).fetchone())


def get_meta(connection: sqlite3.Connection, key: str) -> bytes | None:
    """Look a row of `meta` up."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def _shops(connection: sqlite3.Connection, where: str, value: int | bytes) -> list[ShopRow]:
    sql = f"""SELECT {numbers("id", "relay_nonce", "created_at", "authors_after")}, {joined("shop_id")}
        FROM (SELECT * FROM shop WHERE {where} ORDER BY id)"""
    *texts, ids = connection.execute(sql, (value,)).fetchone()
    row_ids, *rest = map(parse_numbers, texts)
    shop_ids = map(_integer, cut(ids, [UINT256_BYTES] * len(row_ids)))
    return list(map(ShopRow, row_ids, shop_ids, *rest))


def _cards(connection: sqlite3.Connection, where: str, value: int | bytes) -> list[KeyCard]:
    sql = f"""SELECT {numbers("id", "shop", "is_guest", "is_unlinked", "enrolled_at")},
        {joined("public_key")}, {joined("wallet")}, {joined("last_nonce")}
        FROM (SELECT * FROM key_card WHERE {where} ORDER BY id)"""
    *texts, public_keys, wallets, nonces = connection.execute(sql, (value,)).fetchone()
    row_ids, shops, are_guests, are_unlinked, enrolled_ats = map(parse_numbers, texts)
    count = len(row_ids)
    return list(
        map(
            KeyCard,
            row_ids,
            cut(public_keys, [PUBLIC_KEY_BYTES] * count),
            shops,
            cut(wallets, [ADDRESS_BYTES] * count),
            map(bool, are_guests),
            map(_integer, cut(nonces, [_NONCE_BYTES] * count)),
            map(bool, are_unlinked),
            enrolled_ats,
        )
    )


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "big")
