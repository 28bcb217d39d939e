"""The decimals that a token had, and the alert when it has others (spec 07 "Prices")."""

from typing import Final

import msgspec

from minirelay.shop.issued_requests import Place
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.checkout_rows import AMOUNT_BYTES, CHAIN_ID_BYTES

DECIMALS_CHANGED: Final = "decimals changed"
"""The kind of these alerts."""

_ALERT_BYTES: Final = 256


class DecimalsRows(msgspec.Struct, frozen=True):
    """What a token was found to have. before: what it had, None if that is not known. at: epoch seconds."""

    token: Place
    decimals: int
    before: int | None
    at: int

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        return ROW_BYTES if self.before is None else 2 * ROW_BYTES + _ALERT_BYTES

    @property
    def epoch(self) -> None:
        """Return None: nothing was judged that a failed transaction could undo."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put the rows in. Raises OverflowError for decimals that no byte holds."""
        batch.put(Kind.META, (decimals_key(self.token),), self.decimals.to_bytes(1))
        if self.before is None:
            return
        chain_id, address = self.token
        batch.insert(
            Kind.PAYMENT_ALERT,
            DECIMALS_CHANGED,
            None,
            chain_id.to_bytes(CHAIN_ID_BYTES, "big"),
            address,
            b"",
            self.at,
            False,
            bytes(AMOUNT_BYTES),
            1,
            f"{about_decimals_of(self.token)}{self.before}:{self.decimals}",
        )


def decimals_key(token: Place) -> str:
    """Name the row of `meta` that remembers a token's decimals."""
    return f"decimals/{token[0]}/{token[1].hex()}"


def about_decimals_of(token: Place) -> str:
    """Return what all alerts of this kind about a token begin with; before and now come behind it."""
    return f"{DECIMALS_CHANGED}:{token[0]}:{token[1].hex()}:"
