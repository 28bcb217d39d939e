"""What the operator decided about payment requests: who, when and why (spec 06)."""

import sqlite3
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind

_OF_REQUEST: Final = """SELECT decision, decided_by, reason, decided_at FROM payment_decision
    WHERE request = ? ORDER BY id"""


class Decision(StrEnum):
    """What is decided. ACCEPT: it counts as paid. DISMISS: nobody wants to hear of it."""

    ACCEPT = "accept"
    DISMISS = "dismiss"


class PaymentDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about a request, as a row. decided_by: a user of the system. decided_at: epoch seconds."""

    request_id: bytes
    decision: Decision
    decided_by: str
    reason: str
    decided_at: int

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        return ROW_BYTES + len(self.request_id) + len(self.decided_by) + len(self.reason)

    @property
    def epoch(self) -> None:
        """Return None: it is part of a commit, which is judged on a state."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put its row in."""
        values = (self.decision.value, self.decided_by, self.reason, self.decided_at)
        batch.insert(Kind.PAYMENT_DECISION, self.request_id, *values)


def load_decisions(connection: sqlite3.Connection, ids: Iterable[bytes]) -> list[PaymentDecision]:
    """Read what was decided about requests, by PaymentID, in the order of the decisions."""
    return [
        PaymentDecision(
            request_id=request_id,
            decision=Decision(decision),
            decided_by=decided_by,
            reason=reason,
            decided_at=decided_at,
        )
        for request_id in ids
        for decision, decided_by, reason, decided_at in connection.execute(_OF_REQUEST, (request_id,))
    ]
