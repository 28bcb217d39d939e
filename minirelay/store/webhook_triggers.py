"""What becomes an event for the webhook: rows that change, in the transaction that changes them (spec 09).

Alerts are raised in many places, and payments decided in some. All of them are rows in the end, so triggers
see each one, and nobody who raises an alert has to know of the webhook. They are the writing connection's
own, like the bulk insert, and no part of the schema. Without a webhook they find no topic and do nothing.
"""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_COLUMNS: Final = "key, topic, stream, state, request, alert, amount, detail, count, is_urgent, is_over"

# An event is named by what it tells, and how often that was told before, never by a row or at random: a
# database that was restored finds the same payments again, and has to name what it tells of them as before.
_EVENT: Final = f"""
CREATE TEMP VIEW webhook_occurrence ({_COLUMNS}) AS
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL;

CREATE TEMP TRIGGER webhook_occurrence_told INSTEAD OF INSERT ON webhook_occurrence
WHEN EXISTS (SELECT 1 FROM webhook_topic WHERE name = NEW.topic)
BEGIN
    INSERT INTO webhook_told (key, times) VALUES (NEW.key, 1)
        ON CONFLICT (key) DO UPDATE SET times = times + 1;
    INSERT INTO webhook_event
        (key, times, topic, stream, state, request, alert, amount, detail, count, is_urgent, is_over,
        created_at)
        SELECT key, times, NEW.topic, NEW.stream, NEW.state, NEW.request, NEW.alert, NEW.amount, NEW.detail,
        NEW.count, NEW.is_urgent, NEW.is_over, CAST(strftime('%s', 'now') AS INTEGER)
        FROM webhook_told WHERE key = NEW.key;
END;

CREATE TEMP TRIGGER webhook_payment AFTER UPDATE OF state ON main.payment_request
WHEN NEW.state <> OLD.state
BEGIN
    INSERT INTO webhook_occurrence ({_COLUMNS}) VALUES (
        'payment/' || lower(hex(NEW.id)) || '/' || NEW.state, 'payments', 'payment/' || lower(hex(NEW.id)),
        NEW.state, NEW.id, NULL, NEW.received, NULL, 1, 0, 0);
END;
"""

# An alert about payments is the same whenever it is found; one about the relay is another each time.
_ALERT: Final = f"""
    INSERT INTO webhook_occurrence ({_COLUMNS}) VALUES (
        CASE WHEN NEW.told_of IS NOT NULL AND NEW.request_ids <> x'' THEN 'alert/' || NEW.told_of
        ELSE 'alert/' || NEW.kind || '/' || coalesce(NEW.shop, '') || '/' || coalesce(hex(NEW.chain_id), '')
            || '/' || coalesce(hex(NEW.address), '') || '/' || NEW.raised_at
            || '/' || coalesce(NEW.told_of, '')
        END || CASE WHEN NEW.ended_at IS NULL THEN '' ELSE '/over' END,
        'alerts',
        CASE length(NEW.request_ids) WHEN 32 THEN 'payment/' || lower(hex(NEW.request_ids))
        ELSE 'alert/' || NEW.id END,
        NEW.kind, NULL, NEW.id, NEW.amount, NEW.detail, NEW.count, NEW.is_urgent, NEW.ended_at IS NOT NULL);
"""

_NEW_ALERT: Final = f"""
CREATE TEMP TRIGGER webhook_alert AFTER INSERT ON main.alert
BEGIN {_ALERT} END;
"""

# One that is only brought up to date is not told again: dust could cause that as often as it likes.
_CHANGED_ALERT: Final = f"""
CREATE TEMP TRIGGER webhook_alert_again AFTER UPDATE ON main.alert
WHEN (NEW.ended_at IS NULL AND ((NEW.acknowledged_at IS NULL AND OLD.acknowledged_at IS NOT NULL)
    OR NEW.is_urgent > OLD.is_urgent)) OR (NEW.ended_at IS NULL) <> (OLD.ended_at IS NULL)
BEGIN {_ALERT} END;
"""

CANCELED: Final = "canceled"
"""What is told of the newest payment request of an order that was canceled; it is no state of a request."""

CANCELED_ORDER: Final = f"""INSERT INTO webhook_occurrence ({_COLUMNS})
    SELECT 'payment/' || lower(hex(id)) || '/{CANCELED}', 'payments', 'payment/' || lower(hex(id)),
    '{CANCELED}', id, NULL, received, NULL, 1, 0, 0
    FROM payment_request WHERE shop = v1 AND order_id = v2 ORDER BY row DESC LIMIT 1;"""
"""The action of the bulk insert for an order (shop: v1, id: v2) that was canceled."""


def create_webhook_triggers(connection: sqlite3.Connection) -> None:
    """Let events be kept of what this connection changes, for as long as it lives."""
    for statement in _EVENT, _NEW_ALERT, _CHANGED_ALERT:
        connection.executescript(statement)


@contextmanager
def untold(connection: sqlite3.Connection) -> Iterator[None]:
    """Let alerts come in that tell of nothing new, like those of a shop that is imported.

    To be used in a transaction: one that is rolled back has the triggers as they were.
    """
    connection.execute("DROP TRIGGER temp.webhook_alert")
    yield
    connection.execute(_NEW_ALERT)
