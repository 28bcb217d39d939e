"""Ids and hashes: their sizes, and how they are written for people and in logs, one form each."""

from typing import Final

UINT256_BYTES: Final = 32
"""Of the ids of shops and relays, at most."""

OBJECT_ID_BYTES: Final = 8
"""Of the ids of listings, orders and stock: a uint64."""

SUBSCRIPTION_ID_BYTES: Final = 2

HASH_BYTES: Final = 32
"""Of SHA-256 and Keccak-256: roots, leaves, payment ids, blocks."""

NOBODY: Final = 0
"""Stands for the key card that created something, where no guest's did; cards are counted from 1."""


def show_shop(shop_id: int) -> str:
    """Write a shop's id: decimal, as sign-in messages and the registry's pages have it."""
    return str(shop_id)


def show_token(token_id: int) -> str:
    """Write a relay token's id: 0x and 64 hexadecimal digits, as `/testing/discovery` has it (spec 08)."""
    return f"0x{token_id:064x}"
