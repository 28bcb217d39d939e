"""Alerts about the relay itself, of no shop, as rows of one transaction (spec 09, "Alerts")."""

from typing import Final

import msgspec

from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.checkout_rows import AMOUNT_BYTES

BACKUP_FAILED: Final = "backup failed"
RESTORED: Final = "restored"
PRICE_JUMPED: Final = "price jumped"
ANCHOR_STUCK: Final = "anchor stuck"
OPERATOR_ALERTS: Final = frozenset({BACKUP_FAILED, RESTORED, PRICE_JUMPED, ANCHOR_STUCK})
"""The kinds of these alerts."""

MOST_DETAIL_BYTES: Final = 500


class OperatorAlert(msgspec.Struct, frozen=True):
    """An alert about the relay. kind: one of OPERATOR_ALERTS. raised_at: epoch seconds.

    detail: what is the matter, in a line; it is told once, whenever it is raised.
    """

    kind: str
    detail: str
    raised_at: int

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        return ROW_BYTES + len(self.kind) + len(self.detail)

    @property
    def epoch(self) -> None:
        """Return None: it holds whatever the state of a shop is."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put its row in."""
        batch.insert(
            Kind.PAYMENT_ALERT,
            self.kind,
            None,
            None,
            None,
            b"",
            self.raised_at,
            False,
            bytes(AMOUNT_BYTES),
            1,
            told_of(self.kind, self.detail),
        )


def told_of(kind: str, detail: str) -> str:
    """Name what an alert is told once for."""
    return f"{kind}:{detail[:MOST_DETAIL_BYTES]}"
