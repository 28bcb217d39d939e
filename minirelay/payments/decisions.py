"""What the operator decides about a payment request, on the shop's head (spec 06 "What the operator can do").

Like what a watcher finds, it is an own write of the relay: the order, the request, and the row that says who
decided, when and why, are one transaction.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from minirelay.errors import invalid
from minirelay.payments.settlement import SettlementTerms
from minirelay.protocol.block_id import BlockId
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.checkout_records import CheckoutChanges
from minirelay.shop.draft import Draft
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.objects import Order, OrderPaid
from minirelay.shop.order_states import OrderState
from minirelay.shop.paid_order import paid_order
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_request, alerts_of
from minirelay.shop.relay_sets import OrderPatches
from minirelay.shop.work import Work
from minirelay.store.payment_decisions import PaymentDecision
from minirelay.store.payment_rows import PaymentRows

_SETTLED: Final = frozenset({RequestState.PAID, RequestState.OVER})
_NEVER_DISMISSED: Final = _SETTLED | {RequestState.DISMISSED, RequestState.REVERTED}


def may_be_accepted(state: RequestState) -> bool:
    """Return whether `acceptance` of a request in this state can succeed; its order may still refuse it."""
    # A duplicate's order is paid, by another request.
    return state not in _SETTLED | {RequestState.DUPLICATE}


def may_be_dismissed(state: RequestState) -> bool:
    """Return whether `dismissal` of a request in this state can succeed."""
    return state not in _NEVER_DISMISSED


def acceptance(
    watched: IssuedRequest, block: BlockId | None, made: PaymentDecision, terms: SettlementTerms
) -> Decide:
    """Return how to write that a request counts as paid.

    watched: the request as it is, see `settlement`. block: the newest deep one, which the order is paid in.
    An order that is canceled stays so: the request alone is marked, and no stock is taken. Refused
    (INVALID): what is paid already; without a block.
    """

    def decide(head: ShopHead, facts: Facts, work: Work) -> OwnSets:
        before = _current(head, watched)
        shop = Draft(head.state, work)
        order = shop.order(before.order_id)
        _check_unsettled(before)
        changes = CheckoutChanges(head.records, facts.now, terms.limits, work)
        changes.requests.update(msgspec.structs.replace(before, state=RequestState.PAID, is_watched=False))
        patches: list[OrderPatches] = []
        alerts: tuple[PaymentAlert, ...] = ()
        if order is not None and order.state is OrderState.UNPAID:
            if block is None:
                raise invalid(
                    f"chain {before.request.chain_id} has not been read yet, so there is no block to name; "
                    "try again in a moment"
                )
            details = OrderPaid(block_hash=block.hash, tx_hash=None)
            paid = paid_order(shop, changes.reservations, before.order_id, order, details, work)
            patches.append(paid.patches)
            changes.close(before.order_id)
            if paid.missing:
                alert = _stock_missing(before, paid.missing)
                alerts = terms.alerts.pass_on(head.row.row_id, before.card, alert, facts.now)
        elif _is_paid(order) and before.state is not RequestState.REVERTED:
            raise invalid(f"order {_number(before)} is paid already, by another request")
        outcome = CheckoutOutcome(tuple(patches), changes.finish())
        return OwnSets(outcome, (made, *_rows(head, facts, before, alerts)))

    return decide


def dismissal(watched: IssuedRequest, made: PaymentDecision, terms: SettlementTerms) -> Decide:
    """Return how to write that nobody wants to hear of a request any more.

    Its order is canceled when the time of all of its requests has passed, as if it waited still. Refused
    (INVALID): what is paid, or dismissed already.
    """

    def decide(head: ShopHead, facts: Facts, work: Work) -> OwnSets:
        before = _current(head, watched)
        _check_unsettled(before)
        if before.state is RequestState.DISMISSED:
            raise invalid("this request is dismissed already")
        if before.state is RequestState.REVERTED:
            raise invalid(f"order {_number(before)} is Paid by this request, which can only be accepted")
        order = Draft(head.state, work).order(before.order_id)
        is_unpaid = order is not None and order.state is OrderState.UNPAID
        changes = CheckoutChanges(head.records, facts.now, terms.limits, work)
        changes.requests.update(
            msgspec.structs.replace(before, state=RequestState.DISMISSED, is_watched=is_unpaid)
        )
        if is_unpaid:
            changes.review_hold(before.order_id, before.card)
        return OwnSets(CheckoutOutcome(records=changes.finish()), (made, *_rows(head, facts, before)))

    return decide


def _rows(
    head: ShopHead, facts: Facts, before: IssuedRequest, alerts: Iterable[PaymentAlert] = ()
) -> tuple[PaymentRows, ...]:
    """Make the rows of new alerts; a person has seen to what was told before."""
    return PaymentRows.of(head.row.row_id, (), (), alerts, facts.now, alerts_of(before.id))


def _current(head: ShopHead, watched: IssuedRequest) -> IssuedRequest:
    return head.records.requests.get(watched.id) or watched


def _check_unsettled(request: IssuedRequest) -> None:
    if request.state in _SETTLED:
        raise invalid(f"this request of order {_number(request)} is paid already")


def _is_paid(order: Order | None) -> bool:
    return order is not None and order.state is OrderState.PAID


def _number(request: IssuedRequest) -> int:
    return int.from_bytes(request.order_id)


def _stock_missing(request: IssuedRequest, missing: int) -> PaymentAlert:
    kind = PaymentAlertKind.STOCK_MISSING
    return PaymentAlert(
        kind=kind,
        place=request.currency,
        request_id=request.id,
        amount=missing,
        told_of=about_request(kind, request.id),
    )
