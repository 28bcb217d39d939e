"""An alert as JSON says it: the same from the running relay and out of the database."""

from datetime import UTC, datetime

from minirelay.protocol.signing import checksum_address
from minirelay.store.alerts import Alert

AlertDocument = dict[str, str | int | bool | list[str] | None]


def describe_alert(alert: Alert) -> AlertDocument:
    """Describe an alert. Numbers that JSON's readers might round are text; times are UTC, RFC 3339."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "is_urgent": alert.is_urgent,
        "shop_id": None if alert.shop_id is None else str(alert.shop_id),
        "chain_id": None if alert.chain_id is None else str(alert.chain_id),
        "address": None if alert.address is None else checksum_address(alert.address),
        "orders": [str(int.from_bytes(one)) for one in alert.order_ids],
        "request_ids": [f"0x{one.hex()}" for one in alert.request_ids],
        "request_count": alert.request_count,
        "amount": str(alert.amount),
        "count": alert.count,
        "raised_at": _time(alert.raised_at),
        "acknowledged_at": None if alert.acknowledged_at is None else _time(alert.acknowledged_at),
        "detail": alert.detail,
        "ended_at": None if alert.ended_at is None else _time(alert.ended_at),
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
