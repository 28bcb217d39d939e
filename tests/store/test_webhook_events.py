"""Events that wait for the webhook: what is in them, in which order they are told, and which go first."""

import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.shop.issued_requests import RequestState
from minirelay.store.alerts import Alert, AlertAcknowledgement
from minirelay.store.operator_alerts import LOW_DISK, WEBHOOK_FAILED, EndedAlert, OperatorAlert
from minirelay.store.webhook_events import (
    DoneEvents,
    PaymentEvent,
    WaitingEvent,
    WebhookBacklog,
    find_event,
    list_least,
    list_waiting,
    load_backlog,
    load_topics,
)
from tests.shop.issued import CHAIN, NOW, issued
from tests.shop.patching import PAYEE, TOKEN
from tests.store.examples import shop_row
from tests.store.test_alerts import late
from tests.store.test_webhook_triggers import BOTH, becomes, stream, tell, with_requests, write


@pytest.fixture
def shop_db(db: sqlite3.Connection) -> sqlite3.Connection:
    return with_requests(db)


def test_a_payments_event_says_what_was_so_then(shop_db: sqlite3.Connection) -> None:
    becomes(shop_db, 1, RequestState.SHORT, 7)
    becomes(shop_db, 1, RequestState.PAID, 10)
    event = find_event(shop_db, 1)
    assert event is not None
    request = issued(1)
    assert event.about == PaymentEvent(
        request_id=request.id,
        shop_id=shop_row().shop_id,
        order_id=request.order_id,
        chain_id=CHAIN,
        currency=TOKEN,
        payee=PAYEE,
        amount=10,
        received=7,
        ttl=request.request.ttl,
        state="short",
    )
    assert (event.key, event.times) == (f"{stream(1)}/short", 1)


def test_an_alerts_event_says_what_was_so_then_whatever_came_later(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1, amount=5))
    before = find_event(shop_db, 1)
    tell(shop_db, late(1, amount=6, is_urgent=True), at=NOW + 3_000_000_000)
    write(shop_db, AlertAcknowledgement(1, NOW))
    assert find_event(shop_db, 1) == before
    assert before is not None
    assert isinstance(before.about, Alert)
    assert (before.about.kind, before.about.amount, before.about.is_urgent) == ("late", 5, False)


def test_the_words_of_an_alert_and_that_it_is_over_stay_as_they_were(shop_db: sqlite3.Connection) -> None:
    low = OperatorAlert(LOW_DISK, "9 MiB are free", NOW, about="")
    write(
        shop_db, low, EndedAlert(low.told_of, NOW), OperatorAlert(LOW_DISK, "8 MiB are free", NOW, about="")
    )
    found = [find_event(shop_db, number) for number in (1, 2, 3)]
    alerts = [one.about for one in found if one is not None and isinstance(one.about, Alert)]
    assert [one.detail for one in alerts] == ["9 MiB are free", "9 MiB are free", "8 MiB are free"]
    assert [one.ended_at is None for one in alerts] == [True, False, True]
    assert [one.acknowledged_at for one in alerts] == [None] * 3


def test_what_waits_is_listed_in_its_order_and_page_by_page(shop_db: sqlite3.Connection) -> None:
    for name, state in ((1, "seen"), (2, "seen"), (1, "paid")):
        becomes(shop_db, name, RequestState(state))
    events = [WaitingEvent(1, stream(1)), WaitingEvent(2, stream(2)), WaitingEvent(3, stream(1))]
    assert list_waiting(shop_db, 0, 10) == events
    assert list_waiting(shop_db, 0, 2) == events[:2]
    assert list_waiting(shop_db, 2, 2) == events[2:]


def test_what_nobody_paid_for_goes_first_then_the_oldest(shop_db: sqlite3.Connection) -> None:
    becomes(shop_db, 1, RequestState.SEEN, 10)
    tell(shop_db, replace(late(1), amount=0))
    becomes(shop_db, 2, RequestState.EXPIRED)
    becomes(shop_db, 1, RequestState.PAID, 10)
    assert list_least(shop_db, 10) == [3, 1, 2, 4]
    assert list_least(shop_db, 2) == [3, 1]


def test_what_is_done_with_is_gone_and_an_alert_comes_with_it(shop_db: sqlite3.Connection) -> None:
    becomes(shop_db, 1, RequestState.SEEN)
    becomes(shop_db, 2, RequestState.SEEN)
    write(shop_db, DoneEvents((1, 77), OperatorAlert(WEBHOOK_FAILED, "down", NOW)))
    assert [one.id for one in list_waiting(shop_db, 0, 10)] == [2, 3]
    assert find_event(shop_db, 1) is None
    assert shop_db.execute("SELECT kind FROM alert").fetchall() == [(WEBHOOK_FAILED,)]


def test_what_waits_is_counted(shop_db: sqlite3.Connection) -> None:
    assert load_backlog(shop_db) == WebhookBacklog(0, None)
    becomes(shop_db, 1, RequestState.SEEN)
    becomes(shop_db, 1, RequestState.PAID)
    backlog = load_backlog(shop_db)
    event = find_event(shop_db, 1)
    assert event is not None
    assert (backlog.count, backlog.oldest_at) == (2, event.created_at)


def test_topics_are_read_as_they_were_set(shop_db: sqlite3.Connection) -> None:
    assert load_topics(shop_db) == BOTH
