"""What is posted of an event: JSON (docs/webhook.md). One event is the same bytes whenever it is tried."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from minirelay.operations.alert_document import describe_alert
from minirelay.protocol.signing import checksum_address
from minirelay.store.alerts import Alert
from minirelay.store.webhook_events import PaymentEvent, WebhookEvent

TEST: Final = "test"
ID_BITS: Final = 128

Document = dict[str, object]


def describe_event(event: WebhookEvent, wallet: bytes) -> Document:
    """Describe an event. wallet: the relay's, by which its events are told from those of other relays."""
    about = event.about
    document = {"id": event_id(event, wallet), "type": _type(about), "created_at": _time(event.created_at)}
    if isinstance(about, Alert):
        return {**document, "alert": describe_alert(about)}
    return {**document, "payment": _describe_payment(about)}


def describe_test(number: int, at: int) -> Document:
    """Describe an event that tells nothing. number: random. at: epoch seconds."""
    return {"id": f"{number:0{ID_BITS // 4}x}", "type": TEST, "created_at": _time(at)}


def encode_document(document: Document) -> bytes:
    """Write the body of a post."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def event_id(event: WebhookEvent, wallet: bytes) -> str:
    """Name an event: the same one always alike, also when a restored database tells it again."""
    named = f"{wallet.hex()}/{event.key}/{event.times}"
    return sha256(named.encode()).hexdigest()[: ID_BITS // 4]


def _type(about: Alert | PaymentEvent) -> str:
    if isinstance(about, Alert):
        return "alert" if about.ended_at is None else "alert.over"
    return f"payment.{about.state}"


def _describe_payment(payment: PaymentEvent) -> Document:
    """Describe a payment. Numbers that JSON's readers might round are text."""
    return {
        "request_id": f"0x{payment.request_id.hex()}",
        "shop_id": str(payment.shop_id),
        "order_id": str(int.from_bytes(payment.order_id)),
        "state": payment.state,
        "chain_id": str(payment.chain_id),
        "currency": checksum_address(payment.currency),
        "payee": checksum_address(payment.payee),
        "amount": str(payment.amount),
        "received": str(payment.received),
        "ttl": str(payment.ttl),
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
