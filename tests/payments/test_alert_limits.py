from minirelay.payments.alert_limits import HOUR_S, MOST_REMEMBERED, AlertLimits
from minirelay.protocol.ids import NOBODY
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_request
from minirelay.store.alerts import ToldAlert
from tests.shop.issued import CHAIN, NOW
from tests.shop.patching import TOKEN

SHOP, CARD = 1, 7


def alert(
    number: int, kind: PaymentAlertKind = PaymentAlertKind.LATE, *, is_urgent: bool = False
) -> PaymentAlert:
    return PaymentAlert(
        kind=kind,
        place=(CHAIN, TOKEN),
        request_id=number.to_bytes(32),
        amount=number,
        told_of=about_request(kind, number.to_bytes(32)),
        is_urgent=is_urgent,
    )


def told(found: tuple[PaymentAlert, ...]) -> bool:
    """Whether an alert is told of by itself."""
    return len(found) == 1 and found[0].is_new


def test_twenty_an_hour_are_told_of_and_one_stands_for_the_others() -> None:
    limits = AlertLimits()
    found = [limits.pass_on(SHOP, NOBODY, alert(number), NOW) for number in range(30)]
    assert [told(one) for one in found] == [True] * 20 + [False] * 10
    quiet, others = found[20]
    assert not quiet.is_new
    assert (others.request_id, others.adds, others.is_new) == (None, 1, True)
    assert {one[1].told_of for one in found[20:]} == {others.told_of}


def test_five_of_them_are_a_guests() -> None:
    limits = AlertLimits()
    assert [told(limits.pass_on(SHOP, CARD, alert(n), NOW)) for n in range(7)] == [True] * 5 + [False] * 2
    assert told(limits.pass_on(SHOP, CARD + 1, alert(99), NOW))


def test_an_hour_later_there_is_room_again() -> None:
    limits = AlertLimits()
    for number in range(25):
        limits.pass_on(SHOP, NOBODY, alert(number), NOW + number)
    assert not told(limits.pass_on(SHOP, NOBODY, alert(98), NOW + HOUR_S - 1))
    assert told(limits.pass_on(SHOP, NOBODY, alert(99), NOW + HOUR_S))
    assert not told(limits.pass_on(SHOP, NOBODY, alert(100), NOW + HOUR_S))


def test_shops_and_kinds_have_limits_of_their_own() -> None:
    limits = AlertLimits(most=1)
    assert told(limits.pass_on(SHOP, NOBODY, alert(1), NOW))
    assert told(limits.pass_on(SHOP + 1, NOBODY, alert(2), NOW))
    assert told(limits.pass_on(SHOP, NOBODY, alert(3, PaymentAlertKind.OVER), NOW))
    assert not told(limits.pass_on(SHOP, NOBODY, alert(4), NOW))


def test_what_was_told_is_brought_up_to_date_for_nothing() -> None:
    limits = AlertLimits(most=1)
    for _ in range(3):
        assert told(limits.pass_on(SHOP, NOBODY, alert(1), NOW))


def test_what_is_not_told_counts_once_among_the_others() -> None:
    limits = AlertLimits(most=0)
    assert len(limits.pass_on(SHOP, NOBODY, alert(1), NOW)) == 2
    assert len(limits.pass_on(SHOP, NOBODY, alert(1), NOW)) == 1


def test_what_is_urgent_is_told_and_takes_no_room() -> None:
    limits = AlertLimits(most=1)
    for number in range(50):
        assert told(limits.pass_on(SHOP, CARD, alert(number, is_urgent=True), NOW))
    assert told(limits.pass_on(SHOP, CARD, alert(99), NOW))


def test_what_is_remembered_has_a_bound() -> None:
    limits = AlertLimits(most=0)
    for number in range(MOST_REMEMBERED + 1):
        limits.pass_on(SHOP, NOBODY, alert(number), NOW)
    assert len(limits.pass_on(SHOP, NOBODY, alert(0), NOW)) == 2
    assert len(limits.pass_on(SHOP, NOBODY, alert(MOST_REMEMBERED), NOW)) == 1


def test_what_was_told_before_a_restart_counts() -> None:
    limits = AlertLimits(most=2, most_of_card=1)
    of_card = alert(1)
    limits.restore([ToldAlert(SHOP, "late", of_card.told_of, NOW, CARD)])
    assert told(limits.pass_on(SHOP, CARD, of_card, NOW + 1))
    assert not told(limits.pass_on(SHOP, CARD, alert(2), NOW + 1))
    assert told(limits.pass_on(SHOP, NOBODY, alert(3), NOW + 1))
    assert not told(limits.pass_on(SHOP, NOBODY, alert(4), NOW + 1))
    assert told(limits.pass_on(SHOP, NOBODY, alert(5), NOW + HOUR_S))
