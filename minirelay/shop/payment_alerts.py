"""What a person has to know of money that came, or did not (spec 06 "Paid")."""

from enum import StrEnum
from typing import Final

import msgspec

from minirelay.shop.issued_requests import OPEN, Place, RequestState


class PaymentAlertKind(StrEnum):
    """What is the matter with a request; most are named after its state."""

    SHORT = "short"
    OVER = "over"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    LATE = "late"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    UNPROVEN = "unproven"
    REVERTED = "reverted"
    STRAY = "stray"
    STRAY_ELSEWHERE = "stray elsewhere"
    DEAD_ADDRESS = "dead address"
    STOCK_MISSING = "stock missing"
    UNREADABLE = "unreadable token"
    CONTRADICTED = "contradicted"
    LEFT = "left"


_WHILE_OPEN: Final = frozenset({PaymentAlertKind.UNREADABLE, PaymentAlertKind.CONTRADICTED})
"""They tell of what matters only as long as a request may be paid."""

_STRAYS: Final = frozenset({PaymentAlertKind.STRAY, PaymentAlertKind.STRAY_ELSEWHERE})


class PaymentAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert about a request, or about more of them than anybody should be told of one by one.

    place: its currency. request_id: None for the one that stands for others. amount: of money, all in all,
    in units of the currency; of what is missing from a stock, in pieces. told_of: what it is told once for.
    adds: how many there are more. is_new: it is told of if it was not before, not only brought up to date.
    """

    kind: PaymentAlertKind
    place: Place
    request_id: bytes | None
    amount: int
    told_of: str
    adds: int = 1
    is_urgent: bool = False
    is_new: bool = True


def about_request(kind: PaymentAlertKind, request_id: bytes) -> str:
    """Name what is the matter with a request: it is told of once, whatever comes later."""
    return f"{kind.value}:{request_id.hex()}"


def about_stray(request_id: bytes, token: bytes, chain_id: int | None = None) -> str:
    """Name what lies at the address of a request that did not ask for it, by token.

    chain_id: of another chain than the request's; None: it is that one.
    """
    if chain_id is None:
        return f"{PaymentAlertKind.STRAY.value}:{request_id.hex()}:{token.hex()}"
    return f"{PaymentAlertKind.STRAY_ELSEWHERE.value}:{request_id.hex()}:{chain_id}:{token.hex()}"


def about_others(kind: PaymentAlertKind, shop: int, hour: int) -> str:
    """Name what is the matter with more requests of a shop (row id) in an hour than are told of."""
    return f"{kind.value}:more:{shop}:{hour}"


def needless_alerts(request_id: bytes, before: RequestState, after: RequestState) -> list[str]:
    """List which alerts about a request nobody has to hear of any more, now that its state is another one.

    What is named after a state ends with it: who was told that a payment is short is told that it is late.
    """
    if before is after:
        return []
    kinds = [kind for kind in PaymentAlertKind if kind.value == before.value]
    if after not in OPEN:
        kinds += sorted(_WHILE_OPEN)
    return [about_request(kind, request_id) for kind in kinds]


def alerts_of(request_id: bytes) -> list[str]:
    """List all alerts that may have been raised about a request, but for money that it did not ask for."""
    kinds = [kind for kind in PaymentAlertKind if kind not in _STRAYS]
    return [about_request(kind, request_id) for kind in kinds]
