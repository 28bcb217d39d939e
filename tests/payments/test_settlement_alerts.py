"""Which alerts a settlement raises, and with what; `test_settlement.py` has them stored."""

import pytest
from msgspec.structs import replace

from minirelay.payments.alert_limits import AlertLimits
from minirelay.payments.evidence import MOST_AMOUNT, Evidence
from minirelay.payments.settlement_alerts import SettlementAlerts
from minirelay.payments.states import Effect, Observation, OrderStanding, Step
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.shop.payment_alerts import PaymentAlertKind
from tests.shop.issued import NOW, issued

NOTHING = Observation(order=OrderStanding.UNPAID, total=10, is_token=True)
BEFORE = replace(issued(1), state=RequestState.SHORT, received=3)


def told(
    step: Step,
    *,
    before: IssuedRequest = BEFORE,
    received: int = 3,
    seen: Observation = NOTHING,
    found: Evidence | None = None,
) -> list[tuple[str, int, bool]]:
    """Kind, amount and urgency of what is raised."""
    alerts = SettlementAlerts(1, before, AlertLimits(), NOW)
    alerts.tell(step, replace(before, state=step.state, received=received), seen, found or Evidence())
    return [(one.kind.value, one.amount, one.is_urgent) for one in alerts.raised]


def test_a_step_without_an_alert_raises_none() -> None:
    assert told(Step(RequestState.PAID, frozenset({Effect.SETTLE}))) == []


@pytest.mark.parametrize(("effect", "is_urgent"), [(Effect.ALERT, False), (Effect.URGENT, True)])
def test_an_alert_is_about_what_the_request_is_now_with_what_was_received(
    effect: Effect, is_urgent: bool
) -> None:
    assert told(Step(RequestState.OVER, frozenset({effect})), received=12) == [("over", 12, is_urgent)]


def test_an_event_that_proves_nothing_is_what_is_told_unless_money_came_too_late() -> None:
    seen = replace(NOTHING, has_unproven=True)
    alert = frozenset({Effect.ALERT})
    assert told(Step(RequestState.SUPERSEDED, alert), seen=seen) == [("unproven", 3, False)]
    assert told(Step(RequestState.LATE, alert), seen=seen) == [("late", 3, False)]


def test_a_dead_address_is_urgent_with_the_most_that_was_known_to_be_there() -> None:
    dead = Step(RequestState.SHORT, frozenset({Effect.DEAD, Effect.URGENT}))
    assert told(dead) == [("dead address", 3, True)]
    assert told(dead, seen=replace(NOTHING, in_time=4)) == [("dead address", 4, True)]


def test_what_is_left_is_told_unless_the_address_is_known_to_be_dead() -> None:
    still, left = Step(RequestState.SHORT), Evidence(left=3)
    assert told(still, found=left) == [("left", 3, True)]
    assert told(still, found=left, before=replace(BEFORE, is_dead=True)) == []
    dead = Step(RequestState.SHORT, frozenset({Effect.DEAD}))
    assert [kind for kind, _, _ in told(dead, found=left)] == ["dead address"]


def test_what_is_found_beside_is_told_behind_it() -> None:
    found = Evidence(is_unreadable=True, is_contradicted=True)
    assert told(Step(RequestState.SHORT, frozenset({Effect.ALERT})), found=found) == [
        ("short", 3, False),
        ("unreadable token", 0, False),
        ("contradicted", 0, True),
    ]


def test_what_is_raised_first_comes_first() -> None:
    alerts = SettlementAlerts(1, BEFORE, AlertLimits(), NOW)
    alerts.alert(PaymentAlertKind.STOCK_MISSING, 1)
    alerts.tell(Step(RequestState.SHORT), BEFORE, NOTHING, Evidence(left=7))
    assert [(one.kind.value, one.place) for one in alerts.raised] == [
        ("stock missing", BEFORE.currency),
        ("left", BEFORE.currency),
    ]


def test_an_amount_that_no_field_holds_is_told_as_the_most_that_one_does() -> None:
    found = Evidence(left=MOST_AMOUNT + 1)
    assert [amount for _, amount, _ in told(Step(RequestState.SHORT), found=found)] == [MOST_AMOUNT]
