"""Alerts about the relay itself, of no shop, as rows of one transaction (spec 09, "Alerts")."""

import sqlite3
from typing import Final

import msgspec

from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind

BACKUP_FAILED: Final = "backup failed"
RESTORED: Final = "restored"
IMPORTED: Final = "imported"
STRAY_PAYMENT: Final = "stray payment"
PRICE_JUMPED: Final = "price jumped"
ANCHOR_STUCK: Final = "anchor stuck"
WEBHOOK_FAILED: Final = "webhook failed"
LOW_DISK: Final = "low disk"
CHAIN_STUCK: Final = "chain stuck"
CLOCK_BEHIND: Final = "clock behind"
ENDING: Final = frozenset({BACKUP_FAILED, LOW_DISK, CHAIN_STUCK, CLOCK_BEHIND})
"""The kinds of those that end by themselves, when what they tell of is over."""
OPERATOR_ALERTS: Final = ENDING | {
    RESTORED,
    IMPORTED,
    STRAY_PAYMENT,
    PRICE_JUMPED,
    ANCHOR_STUCK,
    WEBHOOK_FAILED,
}
"""The kinds of these alerts."""

MOST_DETAIL_BYTES: Final = 500

_RAISED: Final = "SELECT told_of, is_urgent FROM alert WHERE kind IN ({}) AND ended_at IS NULL"


class OperatorAlert(msgspec.Struct, frozen=True):
    """An alert about the relay. kind: one of OPERATOR_ALERTS. raised_at: epoch seconds.

    detail: what is the matter, in a line. about: what it is told once for, whenever it is raised; None: the
    detail.
    """

    kind: str
    detail: str
    raised_at: int
    about: str | None = None
    is_urgent: bool = False

    @property
    def told_of(self) -> str:
        """Name what it is told once for."""
        return told_of(self.kind, self.detail if self.about is None else self.about)

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
        detail = self.detail[:MOST_DETAIL_BYTES]
        batch.insert(Kind.OPERATOR_ALERT, self.kind, self.raised_at, self.is_urgent, self.told_of, detail)


class EndedAlert(msgspec.Struct, frozen=True):
    """What an alert tells of is over. It stays until a person has seen it. at: epoch seconds."""

    told_of: str
    at: int

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        return ROW_BYTES

    @property
    def epoch(self) -> None:
        """Return None: it holds whatever the state of a shop is."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put its row in."""
        batch.insert(Kind.ENDED_ALERT, self.told_of, self.at)


def told_of(kind: str, about: str) -> str:
    """Name what an alert is told once for."""
    return f"{kind}:{about[:MOST_DETAIL_BYTES]}"


def load_lasting(connection: sqlite3.Connection) -> dict[str, bool]:
    """Read which alerts tell of something that lasts, as far as is known: `told_of`, and whether urgent."""
    sql = _RAISED.format(", ".join("?" * len(ENDING)))
    rows = connection.execute(sql, sorted(ENDING)).fetchall()
    return {told: bool(is_urgent) for told, is_urgent in rows}
