"""What is posted of an event, and how it is named."""

import json

from msgspec.structs import replace

from minirelay.operations.alert_document import describe_alert
from minirelay.operations.webhook_document import describe_event, describe_test, encode_document, event_id
from minirelay.store.alerts import Alert
from minirelay.store.webhook_events import PaymentEvent, WebhookEvent

WALLET, OTHER_WALLET = b"\x01" * 20, b"\x02" * 20
PAYMENT = PaymentEvent(
    request_id=b"\x11" * 32,
    shop_id=2**200,
    order_id=b"\xff" * 8,
    chain_id=2**60,
    currency=bytes(20),
    payee=bytes.fromhex("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
    amount=2**256 - 1,
    received=1,
    ttl=2**62,
    state="paid",
)
EVENT = WebhookEvent(key="payment/11/paid", times=1, about=PAYMENT, created_at=1_800_000_000)
ALERT = Alert(
    id=3,
    kind="late",
    shop_id=None,
    chain_id=None,
    address=None,
    request_ids=(),
    request_count=0,
    amount=5,
    count=1,
    is_urgent=True,
    raised_at=1_800_000_000,
    acknowledged_at=None,
)


def test_a_payment_is_described_without_a_number_that_readers_round() -> None:
    document = json.loads(encode_document(describe_event(EVENT, WALLET)))
    assert document == {
        "id": event_id(EVENT, WALLET),
        "type": "payment.paid",
        "created_at": "2027-01-15T08:00:00Z",
        "payment": {
            "request_id": "0x" + "11" * 32,
            "shop_id": str(2**200),
            "order_id": str(2**64 - 1),
            "state": "paid",
            "chain_id": str(2**60),
            "currency": "0x" + "00" * 20,
            "payee": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "amount": str(2**256 - 1),
            "received": "1",
            "ttl": str(2**62),
        },
    }


def test_an_alert_is_described_as_commands_do() -> None:
    document = describe_event(replace(EVENT, about=ALERT), WALLET)
    assert (document["type"], document["alert"]) == ("alert", describe_alert(ALERT))


def test_that_an_alert_is_over_is_a_type_of_its_own() -> None:
    document = describe_event(replace(EVENT, about=replace(ALERT, ended_at=1_800_000_000)), WALLET)
    assert document["type"] == "alert.over"


def test_an_id_is_of_what_is_told_how_often_and_by_whom() -> None:
    others = [replace(EVENT, key="payment/11/over"), replace(EVENT, times=2)]
    ids = {event_id(one, WALLET) for one in (EVENT, *others)} | {event_id(EVENT, OTHER_WALLET)}
    assert len(ids) == 4
    assert all(len(one) == 32 for one in ids)
    assert event_id(replace(EVENT, created_at=0, about=ALERT), WALLET) == event_id(EVENT, WALLET)


def test_a_test_tells_nothing() -> None:
    assert describe_test(255, 1_800_000_000) == {
        "id": "0" * 30 + "ff",
        "type": "test",
        "created_at": "2027-01-15T08:00:00Z",
    }
