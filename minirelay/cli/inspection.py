"""What the commands that look into the database have in common: opening it, naming and describing shops."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.cli.output import Document
    from minirelay.config.settings import Settings
    from minirelay.store.messages import ShopRow
    from minirelay.store.reader import Reader

FOR_READING = ("data_dir",)
"""The settings that these commands have a flag for: the others say how to serve."""

_LEFT_OUT = "…"
_LEAST_DIGITS = 4


@asynccontextmanager
async def reading(settings: "Settings") -> AsyncIterator["Reader"]:
    """Open the database to look at it, beside a running relay or without one. Raises StoreError."""
    from minirelay.store.database import open_readonly

    async with await open_readonly(settings.data_dir) as store:
        yield store.reader


def shop_id_of(text: str) -> int:
    """Read a shop id as people write it: decimal, or hexadecimal behind 0x. Raises ConfigError."""
    from minirelay.config.chain_values import Uint256

    try:
        return Uint256.parse(text)
    except ValueError as error:
        raise ConfigError(f"{text}: {error}") from error


def shortened(shop_id: str) -> str:
    """Shorten a shop id for a table; `find` takes it like that, and its first digits, too."""
    return shop_id if len(shop_id) <= 20 else f"{shop_id[:10]}{_LEFT_OUT}{shop_id[-8:]}"


async def find(reader: "Reader", text: str) -> "ShopRow":
    """Find a shop by its id, whole or shortened, or by its first digits.

    Raises ConfigError if this relay does not have it, or several that look like it; StoreError.
    """
    row = None if _LEFT_OUT in text else await reader.shop(shop_id_of(text))
    return find_row(await reader.shops() if row is None else [row], text)


def find_row(rows: "Sequence[ShopRow]", text: str) -> "ShopRow":
    """Find a shop among some by its id, whole or not. Raises ConfigError like `find`."""
    if _LEFT_OUT in text:
        found = [row for row in rows if shortened(str(row.shop_id)) == text]
    else:
        shop_id = shop_id_of(text)
        found = [row for row in rows if row.shop_id == shop_id] or [
            row for row in rows if _begins(row.shop_id, text)
        ]
    if not found:
        raise ConfigError(f"shop {text} is not on this relay; `minirelay shops` lists those that are")
    if len(found) > 1:
        raise ConfigError(f"several shops look like {text}; `minirelay shops --json` has the whole ids")
    return found[0]


def _begins(shop_id: int, text: str) -> bool:
    """Return whether an id begins with these digits; fewer than four name none."""
    digits = text.lower()
    if digits.startswith("0x"):
        return len(digits) >= len("0x") + _LEAST_DIGITS and f"0x{shop_id:064x}".startswith(digits)
    return len(digits) >= _LEAST_DIGITS and str(shop_id).startswith(digits)


async def describe(reader: "Reader", row: "ShopRow", settings: "Settings") -> "dict[str, Document]":
    """Describe a shop: how long its log is, its root hash, how much is in it, what it may have.

    settings: of the relay; they say what a shop may have. Raises StoreError.
    """
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
        "log_quota_bytes": int(settings.limits.shop_log),
        "blob_bytes": await reader.blob_bytes(row.row_id),
        "blob_quota_bytes": int(settings.limits.shop_blobs),
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
