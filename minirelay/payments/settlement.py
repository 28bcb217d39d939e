"""What is written because of money: decided on the shop's head, all in one transaction (spec 06 "Paid").

A watcher says what it found for a request. What becomes of that is decided here, when the shop's turn has
come, on the order as it is then. So what was found, the order that it pays and the alerts that it raises are
stored together or not at all; and found again, it changes nothing.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec

from minirelay.errors import Refusal
from minirelay.payments.alert_limits import AlertLimits
from minirelay.payments.evidence import MOST_AMOUNT, Evidence, PaidIn
from minirelay.payments.settlement_alerts import SettlementAlerts
from minirelay.payments.states import Effect, Observation, OrderStanding, Step, step
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.ids import NOBODY
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.checkout_records import CheckoutChanges, CheckoutLimits
from minirelay.shop.draft import Draft
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.objects import Order
from minirelay.shop.order_states import OrderState
from minirelay.shop.paid_order import paid_order, record_patch
from minirelay.shop.payment_alerts import PaymentAlertKind, needless_alerts
from minirelay.shop.payment_choice import PaymentChoices
from minirelay.shop.payment_details import ListingSnapshot
from minirelay.shop.relay_sets import OrderPatches, cancel_patches
from minirelay.shop.reservations import Hold
from minirelay.shop.work import Work
from minirelay.store.payment_rows import PaymentRows

UNPROVEN_DAYS_S: Final = 7 * 86_400
"""How long an order waits for somebody to decide about a payment that proves nothing."""

_PASSED_WITH_ITS_TTL: Final = frozenset(
    {RequestState.SUPERSEDED, RequestState.WITHDRAWN, RequestState.DISMISSED, RequestState.LATE}
)


@dataclass(frozen=True, slots=True)
class SettlementTerms:
    """What all payments of a relay are settled by.

    final_times: by chain id, the timestamp (epoch seconds) of the newest block that will not vanish; it is
    read when something is decided. tolerance: per mille of a total that may be missing.
    """

    limits: CheckoutLimits
    final_times: dict[int, int] = field(default_factory=dict)
    tolerance: int = 0
    alerts: AlertLimits = field(default_factory=AlertLimits)


def settlement(watched: IssuedRequest, evidence: Evidence, terms: SettlementTerms) -> Decide:
    """Return how to decide what is written because of what was found for a request.

    watched: the request as it was left by all that was decided for it before; wait for that. As long as its
    order is open, that of the shop's records counts, which clients may have changed since.
    """
    return partial(_decide, watched, evidence, terms)


def _decide(
    watched: IssuedRequest,
    evidence: Evidence,
    terms: SettlementTerms,
    head: ShopHead,
    facts: Facts,
    work: Work,
) -> OwnSets | None:
    request = head.records.requests.get(watched.id) or watched
    return _Settling(request, evidence, terms, head, facts, work).decide()


class _Settling:
    """One decision. It changes nothing but itself, and is made anew each time that it is asked for."""

    def __init__(
        self,
        request: IssuedRequest,
        evidence: Evidence,
        terms: SettlementTerms,
        head: ShopHead,
        facts: Facts,
        work: Work,
    ) -> None:
        self._before = request
        self._found = evidence
        self._terms = terms
        self._head = head
        self._facts = facts
        self._work = work
        self._shop = Draft(head.state, work)
        self._order = self._shop.order(request.order_id)
        self._standing = _standing(self._order)
        self._changes = CheckoutChanges(head.records, facts.now, terms.limits, work)
        self._patches: list[OrderPatches] = []
        self._snapshots: tuple[ListingSnapshot, ...] = ()
        self._alerts = SettlementAlerts(head.row.row_id, request, terms.alerts, facts.now)
        self._ended: list[str] = []

    def decide(self) -> OwnSets | None:
        """Return what is to be written. Raises FactsMissing, WorkExceeded."""
        if not self._before.request.amount and self._found.paid_in is None:
            # It costs nothing, and is paid in the first block that is known.
            return None
        seen = self._observation()
        then = step(self._before.state, seen, is_dead=self._before.is_dead)
        after = self._after(then, seen)
        if after != self._before:
            self._changes.requests.update(after)
        if self._order is not None:
            self._carry_out(then, self._order)
        self._alerts.tell(then, after, seen, self._found)
        self._ended = needless_alerts(self._before.id, self._before.state, after.state)
        outcome = CheckoutOutcome(tuple(self._patches), self._changes.finish(), self._snapshots)
        rows = self._rows()
        return OwnSets(outcome, rows) if outcome.patches or rows or not outcome.records.is_empty else None

    def _observation(self) -> Observation:
        request, found = self._before.request, self._found
        return Observation(
            order=self._standing,
            total=request.amount,
            is_token=request.currency != NATIVE_COIN,
            tolerance=self._terms.tolerance,
            in_time=found.in_time,
            settled=found.settled if found.paid_in is not None else 0,
            too_late=found.too_late,
            known=self._before.received,
            has_unproven=found.has_unproven,
            is_emptied=found.is_emptied,
            is_over=found.is_over,
            is_moved=found.is_moved,
            is_gone=found.is_gone,
        )

    def _after(self, then: Step, seen: Observation) -> IssuedRequest:
        before, money = self._before, max(seen.money, seen.settled)
        if not before.is_open:
            # What was recorded is known to have come, wherever it is by now.
            money = max(money, before.received)
        return msgspec.structs.replace(
            before,
            state=then.state,
            is_dead=before.is_dead or Effect.DEAD in then.effects,
            received=min(money, MOST_AMOUNT),
            is_watched=not self._found.is_last,
        )

    def _carry_out(self, then: Step, order: Order) -> None:
        order_id, found = self._before.order_id, self._found
        if Effect.SETTLE in then.effects and found.paid_in is not None:
            self._settle(order, found.paid_in)
        elif Effect.RECORD in then.effects and found.paid_in is not None:
            self._record(order, found.paid_in)
        if Effect.RENEW in then.effects:
            self._renew(order)
        if Effect.HOLD in then.effects and self._standing is OrderStanding.UNPAID:
            self._hold()
        if self._standing is OrderStanding.UNPAID and found.is_over and self._is_time_over():
            has_canceled_at = order.canceled_at is not None
            self._patches.append(cancel_patches(order_id, has_canceled_at, self._facts.now))
            self._changes.close(order_id)

    def _settle(self, order: Order, paid_in: PaidIn) -> None:
        order_id = self._before.order_id
        reservations = self._changes.reservations
        paid = paid_order(self._shop, reservations, order_id, order, paid_in.details, self._work)
        self._patches.append(paid.patches)
        self._changes.close(order_id)
        self._standing = OrderStanding.PAID
        if paid.missing:
            self._alerts.alert(PaymentAlertKind.STOCK_MISSING, paid.missing)

    def _record(self, order: Order, paid_in: PaidIn) -> None:
        if order.state is OrderState.PAID and order.tx_details != paid_in.details:
            self._patches.append((record_patch(self._before.order_id, order, paid_in.details),))

    def _renew(self, order: Order) -> None:
        """Write another request, as if the customer chose again; the alert is raised in any case."""
        order_id = self._before.order_id
        choices = PaymentChoices(
            self._shop, self._head.state, self._changes, self._facts, self._terms.limits, self._work
        )
        try:
            patches = choices.choose(order_id, order, self._head.owners.get(order_id, NOBODY))
        except Refusal:
            # The customer has to choose otherwise, or nothing can be bought any more.
            return
        self._patches.append(patches)
        self._snapshots = tuple(choices.snapshots.values())

    def _hold(self) -> None:
        """Let money hold the order's reservation as long as its requests say."""
        order_id, card = self._before.order_id, self._before.card
        known = self._changes.reservations.get(order_id)
        rows = self._changes.requests.of_order(order_id)
        if any(row.state is RequestState.SEEN for row in rows):
            hold = Hold.SEEN
        elif any(row.state is RequestState.SHORT and 2 * row.received >= row.request.amount for row in rows):
            hold = Hold.SHORT
        else:
            hold = Hold.NONE
        if known is not None and known.hold is not hold:
            self._changes.reservations.hold(order_id, card, hold)

    def _is_time_over(self) -> bool:
        """Return whether no request of the order can be paid in time any more."""
        return all(map(self._has_passed, self._changes.requests.of_order(self._before.order_id)))

    def _has_passed(self, row: IssuedRequest) -> bool:
        if row.state is RequestState.EXPIRED:
            return True
        final_time = self._terms.final_times.get(row.request.chain_id, 0)
        if row.state is RequestState.UNPROVEN:
            return final_time > row.request.ttl + UNPROVEN_DAYS_S
        return row.state in _PASSED_WITH_ITS_TTL and final_time > row.request.ttl

    def _rows(self) -> tuple[PaymentRows, ...]:
        found = self._found
        return PaymentRows.of(
            self._head.row.row_id,
            found.transfers,
            found.gone,
            self._alerts.raised,
            self._facts.now,
            self._ended,
        )


def _standing(order: Order | None) -> OrderStanding:
    if order is not None and order.state is OrderState.UNPAID:
        return OrderStanding.UNPAID
    if order is not None and order.state is OrderState.PAID:
        return OrderStanding.PAID
    return OrderStanding.CANCELED
