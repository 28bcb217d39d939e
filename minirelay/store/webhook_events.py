"""Events for the webhook: which wait, what is in them, and which are done with (spec 09 "Alerts").

`webhook_triggers` has what becomes one.
"""

import sqlite3
from typing import Final, Literal

import msgspec

from minirelay.store.alerts import Alert, find_alert
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.operator_alerts import OperatorAlert

Topic = Literal["alerts", "payments"]

_TOPICS: Final = "SELECT name FROM webhook_topic"
_WAITING: Final = "SELECT id, stream FROM webhook_event WHERE id > ? ORDER BY id LIMIT ?"
# First what nothing has been paid for: anybody can cause any number of those.
_LEAST: Final = """SELECT id FROM webhook_event
    ORDER BY topic = 'payments' AND amount = zeroblob(32) DESC, id LIMIT ?"""
_BACKLOG: Final = "SELECT count(*), min(created_at) FROM webhook_event"
_EVENT: Final = """SELECT key, times, webhook_event.state, alert, webhook_event.amount, detail, count,
    is_urgent, is_over, webhook_event.created_at, request, shop.shop_id, order_id, payment_request.chain_id,
    currency, payee, payment_request.amount, ttl
    FROM webhook_event LEFT JOIN payment_request ON payment_request.id = request
    LEFT JOIN shop ON shop.id = payment_request.shop WHERE webhook_event.id = ?"""


class WaitingEvent(msgspec.Struct, frozen=True):
    """An event that was not taken yet. Those of one stream are told in the order of their ids."""

    id: int
    stream: str


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a payment request. amount: what is asked for; received: what had come then."""

    request_id: bytes
    shop_id: int
    order_id: bytes
    chain_id: int
    currency: bytes
    payee: bytes
    amount: int
    received: int
    ttl: int
    state: str


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event. key and times name it for ever. about: the alert as it was then, or a payment.

    created_at: epoch seconds.
    """

    key: str
    times: int
    about: Alert | PaymentEvent
    created_at: int


class WebhookBacklog(msgspec.Struct, frozen=True):
    """How many events were not taken yet. oldest_at: when the first of them came, epoch seconds."""

    count: int
    oldest_at: int | None


class WebhookTopics(msgspec.Struct, frozen=True):
    """What is told from now on. What waits and is about anything else is dropped."""

    topics: frozenset[Topic]

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        return ROW_BYTES

    @property
    def epoch(self) -> None:
        """Return None: whatever the state of a shop is, it holds."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put its row in."""
        batch.insert(Kind.WEBHOOK_TOPICS, "alerts" in self.topics, "payments" in self.topics)


class DoneEvents(msgspec.Struct, frozen=True):
    """Events that were taken, or are given up. alert: that some were given up, if so."""

    ids: tuple[int, ...]
    alert: OperatorAlert | None = None

    @property
    def weight(self) -> int:
        """Estimate the bytes that it writes."""
        return ROW_BYTES * len(self.ids) + (0 if self.alert is None else self.alert.weight)

    @property
    def epoch(self) -> None:
        """Return None: whatever the state of a shop is, it holds."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put their rows in."""
        for one in self.ids:
            batch.insert(Kind.NO_WEBHOOK_EVENT, one)
        if self.alert is not None:
            self.alert.add_to(batch)


def load_topics(connection: sqlite3.Connection) -> frozenset[Topic]:
    """Read what is told."""
    return frozenset([name for (name,) in connection.execute(_TOPICS)])


def list_waiting(connection: sqlite3.Connection, after_id: int, most: int) -> list[WaitingEvent]:
    """List the next events that were not taken yet."""
    return [WaitingEvent(*row) for row in connection.execute(_WAITING, (after_id, most))]


def list_least(connection: sqlite3.Connection, most: int) -> list[int]:
    """List the events that may go first when there are too many: without money, then the oldest."""
    return [event_id for (event_id,) in connection.execute(_LEAST, (most,))]


def load_backlog(connection: sqlite3.Connection) -> WebhookBacklog:
    """Count what was not taken yet."""
    return WebhookBacklog(*connection.execute(_BACKLOG).fetchone())


def find_event(connection: sqlite3.Connection, event_id: int) -> WebhookEvent | None:
    """Look an event up."""
    row = connection.execute(_EVENT, (event_id,)).fetchone()
    if row is None:
        return None
    key, times, state, alert_id, amount, detail, count, is_urgent, is_over, created_at, *payment = row
    about: Alert | PaymentEvent | None
    if alert_id is None:
        about = _payment(state, amount, *payment)
    else:
        alert = find_alert(connection, alert_id)
        about = (
            None
            if alert is None
            else _as_it_was(
                alert, amount, detail, count, is_urgent, created_at if is_over else None, created_at
            )
        )
    return None if about is None else WebhookEvent(key=key, times=times, about=about, created_at=created_at)


def _as_it_was(
    alert: Alert,
    amount: bytes,
    detail: str | None,
    count: int,
    is_urgent: int,
    ended_at: int | None,
    created_at: int,
) -> Alert:
    return msgspec.structs.replace(
        alert,
        amount=int.from_bytes(amount),
        count=count,
        is_urgent=bool(is_urgent),
        raised_at=created_at,
        acknowledged_at=None,
        detail=detail,
        ended_at=ended_at,
    )


def _payment(
    state: str,
    received: bytes,
    request_id: bytes,
    shop_id: bytes,
    order_id: bytes,
    chain_id: bytes,
    currency: bytes,
    payee: bytes,
    amount: bytes,
    ttl: int,
) -> PaymentEvent:
    return PaymentEvent(
        request_id=request_id,
        shop_id=int.from_bytes(shop_id),
        order_id=order_id,
        chain_id=int.from_bytes(chain_id),
        currency=currency,
        payee=payee,
        amount=int.from_bytes(amount),
        received=int.from_bytes(received),
        ttl=ttl,
        state=state,
    )
