"""An alert as JSON says it: the same from the running relay and out of the database."""

from datetime import UTC, datetime
from typing import Final

from minirelay.chain.amounts import show_exact
from minirelay.chain.token_symbols import show_currency
from minirelay.operations.alert_advice import ADVICE
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address
from minirelay.shop.payment_alerts import PaymentAlertKind
from minirelay.store.alerts import Alert

COIN_DECIMALS: Final = 18

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
        "amount_shown": _amount(alert),
        "count": alert.count,
        "raised_at": _time(alert.raised_at),
        "acknowledged_at": None if alert.acknowledged_at is None else _time(alert.acknowledged_at),
        "detail": alert.detail or _where(alert),
        "advice": ADVICE.get(alert.kind),
        "ended_at": None if alert.ended_at is None else _time(alert.ended_at),
    }


def _where(alert: Alert) -> str | None:
    """Say on which chain money lies, if that is the matter."""
    if alert.kind != PaymentAlertKind.STRAY_ELSEWHERE or alert.chain_id is None:
        return None
    came = _amount(alert)
    return f"{came or 'money'} came on chain {alert.chain_id}, which is not the chain of the payment request"


def _amount(alert: Alert) -> str | None:
    """Say with its currency how much money, or how many pieces of a stock, an alert is about."""
    if not alert.amount or alert.kind not in set(PaymentAlertKind):
        return None
    if alert.kind == PaymentAlertKind.STOCK_MISSING:
        return f"{alert.amount} too few"
    if alert.address is None or alert.chain_id is None:
        return None
    decimals = COIN_DECIMALS if alert.address == NATIVE_COIN else alert.decimals
    shown = f"{alert.amount} units" if decimals is None else show_exact(alert.amount, decimals)
    return f"{shown} {show_currency(alert.chain_id, alert.address)}"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
