from minirelay.shop.issued_requests import RequestState
from minirelay.shop.payment_alerts import PaymentAlertKind, about_others, about_request


def test_what_an_alert_is_told_of_names_kind_and_request() -> None:
    named = {about_request(kind, bytes([n]) * 32) for kind in PaymentAlertKind for n in range(3)}
    named |= {
        about_others(kind, shop, hour) for kind in PaymentAlertKind for shop in (1, 11) for hour in (1, 11)
    }
    assert len(named) == len(PaymentAlertKind) * (3 + 4)


def test_every_state_that_needs_a_person_has_its_kind() -> None:
    needs_nobody = {RequestState.WAITING, RequestState.SEEN, RequestState.PAID, RequestState.DISMISSED}
    kinds = {kind.value for kind in PaymentAlertKind}
    assert {state.value for state in RequestState if state not in needs_nobody} <= kinds
