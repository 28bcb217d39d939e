"""What the commands that look into the database have in common: opening it, naming and describing shops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.cli.output import Document
    from minirelay.config import Settings
    from minirelay.store.messages import ShopRow
    from minirelay.store.reader import Reader

FOR_READING = ("data_dir",)
"""The settings that these commands have a flag for: the others say how to serve."""


@asynccontextmanager
async def reading(settings: "Settings") -> AsyncIterator["Reader"]:
    """Open the database to look at it, beside a running relay or without one. Raises StoreError."""
    from minirelay.store.database import open_readonly

    async with await open_readonly(settings.data_dir) as store:
        yield store.reader


def shop_id_of(text: str) -> int:
    """Read a shop id as people write it: decimal, or hexadecimal behind 0x. Raises ConfigError."""
    from minirelay.config_types import Uint256

    try:
        return Uint256.parse(text)
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from error


async def find(reader: "Reader", text: str) -> "ShopRow":
    """Find a shop by its id. Raises ConfigError if this relay does not have it, StoreError."""
    row = await reader.shop(shop_id_of(text))
    if row is None:
        raise ConfigError(f"shop {text} is not on this relay; `minirelay shops` lists those that are")
    return row


async def describe(reader: "Reader", row: "ShopRow") -> "dict[str, Document]":
    """Describe a shop: how long its log is, its root hash, how much is in it. Raises StoreError."""
    from minirelay.shop.state import ShopState

    seq, counts = await reader.tail(row.row_id)
    objects = await reader.load_objects(row.row_id)
    cards = await reader.cards(row.row_id)
    state = ShopState.from_objects((one.object_type, one.key, one.value) for one in objects)
    return {
        "shop_id": str(row.shop_id),
        "sequence_number": seq,
        "root_hash": f"0x{state.root_hash.hex()}",
        "patches": counts.total,
        "log_bytes": counts.size_bytes,
        "object_bytes": sum(len(one.key) + len(one.value) for one in objects),
        "accounts": len(state.accounts),
        "listings": len(state.listings),
        "tags": len(state.tags),
        "orders": len(state.orders),
        "inventory": len(state.inventory),
        "clerk_cards": sum(not card.is_guest and not card.is_unlinked for card in cards),
        "guest_cards": sum(card.is_guest and not card.is_unlinked for card in cards),
        "unlinked_cards": sum(card.is_unlinked for card in cards),
    }
