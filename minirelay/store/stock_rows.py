"""Alerts about stock that unpaid orders hold for long, as rows of one transaction (spec 06 "Commit")."""

from typing import Final

import msgspec

from minirelay.shop.stock_watch import TOLD_AGAIN_S, HeldStock
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.checkout_rows import AMOUNT_BYTES

STOCK_HELD: Final = "stock held"
"""The kind of these alerts."""

_MOST_KEY_BYTES: Final = 256
_NO_PLACE: Final = (None, None)
_ALERT_BYTES: Final = 1024


class StockAlertRows(msgspec.Struct, frozen=True):
    """What is told of one shop. shop: row id. raised_at: epoch seconds."""

    shop: int
    held: tuple[HeldStock, ...]
    raised_at: int

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        return len(self.held) * (_ALERT_BYTES + ROW_BYTES)

    @property
    def epoch(self) -> None:
        """Return None: nothing was judged that a failed transaction could undo."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put the rows in. Raises OverflowError for what no row can hold."""
        for one in self.held:
            batch.insert(
                Kind.PAYMENT_ALERT,
                STOCK_HELD,
                self.shop,
                *_NO_PLACE,
                b"",
                self.raised_at,
                False,
                one.reserved.to_bytes(AMOUNT_BYTES, "big"),
                1,
                about_stock(self.shop, one, self.raised_at),
            )


def about_stock(shop: int, held: HeldStock, now: int) -> str:
    """Name the record and the day that an alert is of, and who holds how much of it.

    shop: row id. The record is named by the hex of its key, which begins with the listing's id and may be cut
    after some hundred bytes; holders by the row ids of their key cards, 0 for orders that no guest created.
    """
    holders = ",".join([f"{card}={units}" for card, units in held.holders])
    return f"{about_stock_of(shop)}{held.key[:_MOST_KEY_BYTES].hex()}:{now // TOLD_AGAIN_S}:{holders}"


def about_stock_of(shop: int) -> str:
    """Return what all alerts of this kind about a shop (row id) begin with."""
    return f"{STOCK_HELD}:{shop}:"
