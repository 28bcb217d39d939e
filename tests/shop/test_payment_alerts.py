from minirelay.shop.issued_requests import RequestState
from minirelay.shop.payment_alerts import (
    PaymentAlertKind,
    about_others,
    about_request,
    alerts_of,
    needless_alerts,
)


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


def test_what_is_named_after_a_state_ends_with_it() -> None:
    name, state = b"\x01" * 32, RequestState
    short = about_request(PaymentAlertKind.SHORT, name)
    assert needless_alerts(name, state.SHORT, state.SHORT) == []
    assert needless_alerts(name, state.SHORT, state.SEEN) == [short]
    assert needless_alerts(name, state.SHORT, state.PAID)[0] == short
    assert short not in needless_alerts(name, state.WAITING, state.SHORT)


def test_what_matters_while_a_request_is_open_ends_with_that() -> None:
    name, state = b"\x01" * 32, RequestState
    kinds = {PaymentAlertKind.UNREADABLE, PaymentAlertKind.CONTRADICTED}
    ended = {about_request(kind, name) for kind in kinds}
    assert set(needless_alerts(name, state.SEEN, state.PAID)) == ended
    assert needless_alerts(name, state.WAITING, state.SEEN) == []


def test_a_person_ends_all_but_what_was_not_asked_for() -> None:
    strays = {PaymentAlertKind.STRAY, PaymentAlertKind.STRAY_ELSEWHERE}
    left = {about_request(kind, b"\x01" * 32) for kind in set(PaymentAlertKind) - strays}
    assert set(alerts_of(b"\x01" * 32)) == left
