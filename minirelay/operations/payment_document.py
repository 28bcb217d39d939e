"""A payment request as JSON says it: the same from the running relay and out of the database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from minirelay.chain.amounts import coin_of, show_exact
from minirelay.chain.token_symbols import show_currency
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address
from minirelay.store.payment_decisions import PaymentDecision
from minirelay.store.payment_list import ListedPayment
from minirelay.store.payment_rows import PaymentTransfer

PaymentDocument = dict[str, Any]

COIN_DECIMALS: Final = 18
QUIET: Final = frozenset({"paid", "expired", "superseded", "withdrawn", "dismissed"})
"""States of which a request without money that nobody expected is not shown unless it is asked for."""


def describe_payment(
    one: ListedPayment,
    seen: Sequence[PaymentTransfer],
    decided: Sequence[PaymentDecision],
    unread: Sequence[int] = (),
) -> PaymentDocument:
    """Describe a request, with what was observed for it and decided about it.

    unread: chains on which it is not known what lies at its address. Numbers that JSON's readers might round
    are text; times are UTC, RFC 3339.
    """
    is_coin = one.currency == NATIVE_COIN
    decimals = COIN_DECIMALS if is_coin else one.decimals
    currency = coin_of(one.chain_id) if is_coin else checksum_address(one.currency)
    return {
        "request": f"0x{one.request_id.hex()}",
        "state": one.state.value,
        "shop": str(one.shop_id),
        "order": str(int.from_bytes(one.order_id)),
        "chain": one.chain_id,
        "currency": currency,
        "currency_address": f"0x{one.currency.hex()}",
        "currency_shown": show_currency(one.chain_id, one.currency),
        "decimals": decimals,
        "asked": str(one.amount),
        "asked_shown": _amount(one.amount, decimals),
        "received": str(one.received),
        "received_shown": _amount(one.received, decimals),
        "payee": checksum_address(one.payee),
        "issued_at": _time(one.issued_at),
        "until": _time(one.ttl),
        "is_dead": one.is_dead,
        "observed": [_observed(one, transfer) for transfer in seen],
        "not_looked_at": list(unread),
        "decisions": [_decided(decision) for decision in decided],
    }


def needs_somebody(one: ListedPayment) -> bool:
    """Return whether a request is open, or a person should look at it."""
    if one.has_stray or one.state.value not in QUIET:
        return True
    return one.state.value in ("superseded", "withdrawn") and one.received > 0


def _decided(one: PaymentDecision) -> PaymentDocument:
    at = _time(one.decided_at)
    return {"decision": one.decision.value, "by": one.decided_by, "reason": one.reason, "at": at}


def _observed(request: ListedPayment, one: PaymentTransfer) -> PaymentDocument:
    chain_id = request.chain_id if one.chain_id is None else one.chain_id
    is_asked_for = (chain_id, one.token) == (request.chain_id, request.currency)
    decimals = COIN_DECIMALS if one.token == NATIVE_COIN else request.decimals if is_asked_for else None
    return {
        "kind": one.kind.value,
        "chain": chain_id,
        "token": f"0x{one.token.hex()}",
        "currency_shown": show_currency(chain_id, one.token),
        "amount": str(one.amount),
        "amount_shown": _amount(one.amount, decimals),
        "block": one.block.number,
        "block_hash": f"0x{one.block.hash.hex()}",
        "transaction": f"0x{one.transaction_hash.hex()}" if one.transaction_hash else None,
        "is_proven": one.is_proven,
        "is_deep": one.is_deep,
    }


def _amount(units: int, decimals: int | None) -> str:
    return f"{units} units" if decimals is None else show_exact(units, decimals)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
