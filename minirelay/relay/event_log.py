"""What the log says of sessions and writes (spec 09, "Logs"): one line per event worth knowing.

Any client can have writes refused, as often as it likes: the log has each of them only at the level debug,
and a count by kind once a minute.
"""

import asyncio
import logging
from collections import Counter
from contextvars import Context
from itertools import islice
from typing import Final

from minirelay.errors import Refusal
from minirelay.protocol.ids import show_shop
from minirelay.protocol.signing import checksum_address
from minirelay.relay.messages import HangUp, Outcome
from minirelay.shop.checkout_records import RecordChanges
from minirelay.shop.issued_requests import IssuedRequest

log = logging.getLogger(__name__)

SUMMARY_S: Final = 60.0
ORDERLY: Final = frozenset({1000, 1001})
"""The close codes of sessions that end without a fault (spec 01)."""


def tells_writes() -> bool:
    """Return whether each write is told by itself: accepted ones are not told otherwise."""
    return log.isEnabledFor(logging.DEBUG)


MOST_TOLD: Final = 20
"""Payment requests of one commit that are told; an edited address can bring very many."""


def tell_issued(shop_id: int, records: RecordChanges) -> None:
    """Log which orders are to be paid now: one by one they are for looking closely, clients cause them."""
    if records.issued and log.isEnabledFor(logging.DEBUG):
        for payment_id in islice(records.issued, MOST_TOLD):
            log.debug("an order is to be paid", extra=payment_fields(shop_id, records.requests[payment_id]))
        if len(records.issued) > MOST_TOLD:
            log.debug("more orders are to be paid", extra={"count": len(records.issued) - MOST_TOLD})


def payment_fields(shop_id: int, one: IssuedRequest) -> dict[str, object]:
    """Return what the log says of a payment request; amounts are in the currency's units."""
    fields: dict[str, object] = {"order": int.from_bytes(one.order_id), "total": one.request.amount}
    if one.received:
        fields["received"] = one.received
    return fields | {
        "currency": checksum_address(one.request.currency),
        "chain": one.request.chain_id,
        "shop": show_shop(shop_id),
        "payment": f"0x{one.id.hex()}",
    }


class EventLog:
    """Says it for one relay."""

    def __init__(self, *, summary_s: float = SUMMARY_S) -> None:
        """summary_s: how often refused writes are told."""
        self._summary_s = summary_s
        self._refused: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def write_settled(self, shop_id: int, outcome: Outcome) -> None:
        """Note what became of a client's write."""
        if not isinstance(outcome, Refusal):
            log.debug("a write was accepted", extra={"shop": show_shop(shop_id)})
            return
        log.debug(
            "a write was refused",
            extra={"shop": show_shop(shop_id), "code": outcome.code.name, "reason": outcome.message},
        )
        self._refused[outcome.code.name] += 1
        if self._timer is None:
            loop = asyncio.get_running_loop()
            # It is about all sessions, not about the one that was the first.
            self._timer = loop.call_later(self._summary_s, self.tell_refused, context=Context())

    def session_ended(self, hang_up: HangUp) -> None:
        """Note how a session ended."""
        if hang_up.code not in ORDERLY:
            log.info("a session was ended", extra={"code": hang_up.code, "reason": hang_up.reason})

    def tell_refused(self) -> None:
        """Log how many writes were refused since the last time; also to be called at the end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._refused:
            log.info("writes were refused", extra=dict(self._refused.most_common()))
            self._refused.clear()
