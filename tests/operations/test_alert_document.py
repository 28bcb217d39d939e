import json

import msgspec
import pytest

from minirelay.operations.alert_advice import ADVICE
from minirelay.operations.alert_document import describe_alert
from minirelay.protocol.signing import checksum_address
from minirelay.store.alerts import Alert

ALERT = Alert(
    order_ids=(b"\xff" * 8,),
    id=7,
    kind="late",
    shop_id=2**256 - 1,
    chain_id=2**64 - 1,
    address=b"\xab" * 20,
    request_ids=(b"\x01" * 32,),
    request_count=5000,
    amount=2**256 - 1,
    count=3,
    is_urgent=True,
    raised_at=1_800_000_000,
    acknowledged_at=None,
    detail="100 units came",
    ended_at=1_800_000_060,
)


def test_everything_is_said_in_a_way_that_json_keeps() -> None:
    document = describe_alert(ALERT)
    assert json.loads(json.dumps(document)) == document
    assert document == {
        "id": 7,
        "kind": "late",
        "is_urgent": True,
        "shop_id": str(2**256 - 1),
        "chain_id": str(2**64 - 1),
        "address": checksum_address(b"\xab" * 20),
        "orders": [str(2**64 - 1)],
        "request_ids": ["0x" + "01" * 32],
        "request_count": 5000,
        "amount": str(2**256 - 1),
        "amount_shown": f"{2**256 - 1} units 0xABaB…",
        "count": 3,
        "raised_at": "2027-01-15T08:00:00Z",
        "acknowledged_at": None,
        "detail": "100 units came",
        "advice": ADVICE["late"],
        "ended_at": "2027-01-15T08:01:00Z",
    }


def test_what_came_on_another_chain_is_said_with_the_chain() -> None:
    coins = {"chain_id": 10, "address": bytes(20), "amount": 5 * 10**17, "detail": None}
    there = msgspec.structs.replace(ALERT, kind="stray elsewhere", **coins)
    document = describe_alert(there)
    assert document["detail"] == "0.5 ETH came on chain 10, which is not the chain of the payment request"
    assert (document["chain_id"], document["advice"]) == ("10", ADVICE["stray elsewhere"])
    assert describe_alert(msgspec.structs.replace(there, kind="stray"))["detail"] is None


def test_what_an_alert_is_not_about_is_null() -> None:
    bare = Alert(
        id=1,
        kind="stock held",
        shop_id=None,
        chain_id=None,
        address=None,
        request_ids=(),
        request_count=0,
        amount=0,
        count=1,
        is_urgent=False,
        raised_at=0,
        acknowledged_at=60,
    )
    document = describe_alert(bare)
    assert {document[name] for name in ("shop_id", "chain_id", "address", "amount_shown")} == {None}
    assert document["acknowledged_at"] == "1970-01-01T00:01:00Z"


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"address": bytes(20), "chain_id": 1, "amount": 15 * 10**17}, "1.5 ETH"),
        ({"decimals": 2, "amount": 1250}, "12.5 0xABaB…"),
        ({"kind": "stock missing", "amount": 3}, "3 too few"),
        ({"kind": "stock held", "amount": 3}, None),
        ({"amount": 0}, None),
    ],
)
def test_the_amount_is_said_in_its_currency(changes: dict[str, object], shown: str | None) -> None:
    assert describe_alert(msgspec.structs.replace(ALERT, **changes))["amount_shown"] == shown
