"""The alerts that a settlement raises about its request, in the same transaction (spec 06 "Paid")."""

from minirelay.payments.alert_limits import AlertLimits
from minirelay.payments.evidence import MOST_AMOUNT, Evidence
from minirelay.payments.states import CLOSED_BY_MONEY, Effect, Observation, Step
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_request


class SettlementAlerts:
    """Those of one decision. raised: what of them is to be stored, in order."""

    def __init__(self, shop: int, request: IssuedRequest, limits: AlertLimits, now: int) -> None:
        """shop: row id. request: as it was before. now: by the relay's clock, epoch seconds."""
        self._shop = shop
        self._before = request
        self._limits = limits
        self._now = now
        self.raised: list[PaymentAlert] = []

    def tell(self, then: Step, after: IssuedRequest, seen: Observation, found: Evidence) -> None:
        """Raise what a step of the request, and what was found for it, have to be told of."""
        is_urgent = Effect.URGENT in then.effects
        if Effect.DEAD in then.effects:
            self.alert(PaymentAlertKind.DEAD_ADDRESS, max(seen.money, self._before.received), is_urgent=True)
        elif is_urgent or Effect.ALERT in then.effects:
            is_unproven = seen.has_unproven and after.state not in CLOSED_BY_MONEY
            kind = PaymentAlertKind.UNPROVEN if is_unproven else PaymentAlertKind(after.state.value)
            self.alert(kind, after.received, is_urgent=is_urgent)
        if found.left and Effect.DEAD not in then.effects and not self._before.is_dead:
            self.alert(PaymentAlertKind.LEFT, found.left, is_urgent=True)
        if found.is_unreadable:
            self.alert(PaymentAlertKind.UNREADABLE, 0)
        if found.is_contradicted:
            self.alert(PaymentAlertKind.CONTRADICTED, seen.money, is_urgent=True)

    def alert(self, kind: PaymentAlertKind, amount: int, *, is_urgent: bool = False) -> None:
        """Raise an alert about the request."""
        before = self._before
        alert = PaymentAlert(
            kind=kind,
            place=before.currency,
            request_id=before.id,
            amount=min(amount, MOST_AMOUNT),
            told_of=about_request(kind, before.id),
            is_urgent=is_urgent,
        )
        self.raised += self._limits.pass_on(self._shop, before.card, alert, self._now)
