"""What becomes an event for the webhook, in the transaction of what it tells."""

import sqlite3
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from minirelay.shop.checkout import AlertKind, CheckoutAlert
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.payment_alerts import PaymentAlert
from minirelay.store.alerts import AlertAcknowledgement
from minirelay.store.batch import Writable, rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.operator_alerts import BACKUP_FAILED, EndedAlert, OperatorAlert
from minirelay.store.payment_rows import PaymentRows
from minirelay.store.webhook_events import DoneEvents, Topic, WebhookTopics
from minirelay.store.webhook_triggers import untold
from tests.shop.issued import CHAIN, NOW, issued
from tests.shop.patching import PAYEE
from tests.store.examples import beginning
from tests.store.test_alerts import late
from tests.store.test_checkout_rows import outcome, put

BOTH: frozenset[Topic] = frozenset({"alerts", "payments"})


@pytest.fixture
def shop_db(db: sqlite3.Connection) -> sqlite3.Connection:
    return with_requests(db)


def with_requests(db: sqlite3.Connection, topics: frozenset[Topic] = BOTH) -> sqlite3.Connection:
    write(db, *beginning())
    put(db, outcome(new=[issued(1), issued(2)]))
    write(db, WebhookTopics(topics))
    return db


def write(db: sqlite3.Connection, *parts: Writable) -> None:
    store_rows(db, rows_of(parts).statements())


def tell(db: sqlite3.Connection, *alerts: PaymentAlert, at: int = NOW) -> None:
    write(db, *PaymentRows.of(1, [], [], alerts, at))


def becomes(db: sqlite3.Connection, name: int, state: RequestState, received: int = 0) -> None:
    put(db, outcome(*[replace(issued(name), state=state, received=received)]))


@dataclass(frozen=True)
class Told:
    key: str
    times: int
    stream: str


def told(db: sqlite3.Connection) -> list[Told]:
    return [Told(*row) for row in db.execute("SELECT key, times, stream FROM webhook_event ORDER BY id")]


def states(db: sqlite3.Connection) -> list[tuple[str, int]]:
    return db.execute("SELECT state, times FROM webhook_event ORDER BY id").fetchall()


def stream(name: int) -> str:
    return f"payment/{issued(name).id.hex()}"


def payment(name: int, state: str, times: int = 1) -> Told:
    return Told(f"{stream(name)}/{state}", times, stream(name))


def test_each_state_of_a_payment_is_told_once(shop_db: sqlite3.Connection) -> None:
    becomes(shop_db, 1, RequestState.SEEN, 10)
    becomes(shop_db, 2, RequestState.SHORT, 3)
    becomes(shop_db, 1, RequestState.PAID, 10)
    becomes(shop_db, 2, RequestState.SHORT, 4)
    assert told(shop_db) == [payment(1, "seen"), payment(2, "short"), payment(1, "paid")]


def test_what_is_told_again_is_another_event(shop_db: sqlite3.Connection) -> None:
    for state in ("paid", "reverted", "paid", "reverted"):
        becomes(shop_db, 1, RequestState(state))
    assert states(shop_db) == [("paid", 1), ("reverted", 1), ("paid", 2), ("reverted", 2)]


def test_it_is_another_event_also_when_the_first_one_is_gone(shop_db: sqlite3.Connection) -> None:
    becomes(shop_db, 1, RequestState.SEEN)
    ((first,),) = shop_db.execute("SELECT id FROM webhook_event")
    write(shop_db, DoneEvents((first,)))
    becomes(shop_db, 1, RequestState.WAITING)
    becomes(shop_db, 1, RequestState.SEEN)
    assert states(shop_db) == [("waiting", 1), ("seen", 2)]
    assert shop_db.execute("SELECT min(id) > ? FROM webhook_event", (first,)).fetchone() == (1,)


def test_a_request_that_is_issued_tells_nothing(shop_db: sqlite3.Connection) -> None:
    assert told(shop_db) == []


def test_of_a_canceled_order_its_newest_request_is_told(shop_db: sqlite3.Connection) -> None:
    put(shop_db, outcome(closed=(issued(1).order_id,)))
    assert told(shop_db) == [payment(2, "canceled")]


def test_an_order_that_is_paid_is_not_canceled(shop_db: sqlite3.Connection) -> None:
    paid = replace(issued(1), state=RequestState.OVER)
    put(shop_db, outcome(paid, closed=(paid.order_id,)))
    assert told(shop_db) == [payment(1, "over")]


def test_an_order_without_a_request_is_none_of_a_payments(shop_db: sqlite3.Connection) -> None:
    put(shop_db, outcome(closed=(issued(3, order=77).order_id,)))
    assert told(shop_db) == []


def test_an_alert_about_a_payment_is_told_in_its_line(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1))
    assert told(shop_db) == [Told(f"alert/late:{issued(1).id.hex()}", 1, stream(1))]


def test_an_alert_that_is_brought_up_to_date_is_not_told_again(shop_db: sqlite3.Connection) -> None:
    for amount in range(5, 50):
        tell(shop_db, late(1, amount=amount), at=NOW + amount)
    assert len(told(shop_db)) == 1


@pytest.mark.parametrize("is_new", [False, True])
def test_one_that_comes_back_after_it_was_seen_to_is_told_again(
    shop_db: sqlite3.Connection, is_new: bool
) -> None:
    tell(shop_db, late(1))
    write(shop_db, AlertAcknowledgement(1, NOW))
    assert states(shop_db) == [("late", 1)]
    tell(shop_db, late(1, amount=6, is_new=is_new))
    assert states(shop_db) == [("late", 1), ("late", 2)]


def test_one_that_gets_urgent_is_told_again(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1))
    for _ in range(2):
        tell(shop_db, late(1, is_urgent=True))
    found = shop_db.execute("SELECT times, is_urgent FROM webhook_event ORDER BY id").fetchall()
    assert found == [(1, 0), (2, 1)]


def test_the_relays_own_alert_is_another_one_each_time(shop_db: sqlite3.Connection) -> None:
    write(shop_db, OperatorAlert(BACKUP_FAILED, "no room", NOW))
    write(shop_db, AlertAcknowledgement(1, NOW))
    write(shop_db, OperatorAlert(BACKUP_FAILED, "no room", NOW + 7))
    (first, second) = told(shop_db)
    assert (first.times, second.times) == (1, 1)
    assert first.key != second.key
    assert first.stream == second.stream == "alert/1"


def test_what_is_over_is_told_and_told_anew_when_it_comes_back(shop_db: sqlite3.Connection) -> None:
    low = OperatorAlert(BACKUP_FAILED, "no room", NOW)
    write(shop_db, low)
    write(shop_db, EndedAlert(low.told_of, NOW + 5))
    write(shop_db, EndedAlert(low.told_of, NOW + 6))
    write(shop_db, AlertAcknowledgement(1, NOW + 7))
    write(shop_db, OperatorAlert(BACKUP_FAILED, "no room", NOW + 8))
    keys = [one.key for one in told(shop_db)]
    assert len(set(keys)) == 3
    assert overs(shop_db) == [0, 1, 0]


def test_an_alert_about_a_payment_that_is_over_is_told_in_its_line(shop_db: sqlite3.Connection) -> None:
    for at in (NOW, NOW + 10):
        tell(shop_db, late(1), at=at)
        write(shop_db, *PaymentRows.of(1, [], [], [], at + 5, [late(1).told_of]))
    key = f"alert/late:{issued(1).id.hex()}"
    assert told(shop_db) == [
        Told(key, 1, stream(1)),
        Told(f"{key}/over", 1, stream(1)),
        Told(key, 2, stream(1)),
        Told(f"{key}/over", 2, stream(1)),
    ]


def test_what_was_over_when_it_gets_urgent_is_told_once(shop_db: sqlite3.Connection) -> None:
    tell(shop_db, late(1))
    write(shop_db, *PaymentRows.of(1, [], [], [], NOW, [late(1).told_of]))
    tell(shop_db, late(1, is_urgent=True))
    assert overs(shop_db) == [0, 1, 0]


def overs(db: sqlite3.Connection) -> list[int]:
    return [is_over for (is_over,) in db.execute("SELECT is_over FROM webhook_event ORDER BY id")]


def test_what_comes_in_untold_tells_nothing_and_what_comes_later_does(shop_db: sqlite3.Connection) -> None:
    shop_db.execute("BEGIN")
    with untold(shop_db):
        shop_db.execute("INSERT INTO alert (kind, request_ids, raised_at) VALUES ('late', x'', 1)")
    shop_db.execute("COMMIT")
    assert told(shop_db) == []
    tell(shop_db, late(1))
    assert states(shop_db) == [("late", 1)]


def test_a_transaction_that_fails_has_the_triggers_as_they_were(shop_db: sqlite3.Connection) -> None:
    def fail() -> None:
        with untold(shop_db):
            raise RuntimeError

    shop_db.execute("BEGIN")
    with pytest.raises(RuntimeError):
        fail()
    shop_db.execute("ROLLBACK")
    tell(shop_db, late(1))
    assert states(shop_db) == [("late", 1)]


def test_an_alert_that_is_told_of_nothing_else_is_told_each_time(shop_db: sqlite3.Connection) -> None:
    gone = CheckoutAlert(AlertKind.WITHDRAWN_PAYEE, (CHAIN, PAYEE), (issued(1).id, issued(2).id))
    put(shop_db, outcome(alerts=[gone]), outcome(alerts=[gone]))
    assert [(one.times, one.stream) for one in told(shop_db)] == [(1, "alert/1"), (2, "alert/2")]


@pytest.mark.parametrize("topics", [frozenset[Topic](), frozenset[Topic]({"alerts"}), BOTH])
def test_nothing_is_kept_of_what_is_not_told(db: sqlite3.Connection, topics: frozenset[Topic]) -> None:
    with_requests(db, topics)
    becomes(db, 1, RequestState.SEEN)
    tell(db, late(2))
    put(db, outcome(closed=(issued(1).order_id,)))
    wanted = [("payments", "seen"), ("alerts", "late"), ("payments", "canceled")]
    found = db.execute("SELECT topic, state FROM webhook_event ORDER BY id").fetchall()
    assert found == [one for one in wanted if one[0] in topics]
    ((known,),) = db.execute("SELECT count(*) FROM webhook_told")
    assert known == len(found)


def test_what_is_told_no_more_is_forgotten(shop_db: sqlite3.Connection) -> None:
    becomes(shop_db, 1, RequestState.SEEN)
    tell(shop_db, late(2))
    write(shop_db, WebhookTopics(frozenset({"alerts"})))
    assert states(shop_db) == [("late", 1)]
    write(shop_db, WebhookTopics(frozenset()))
    assert told(shop_db) == []


def test_an_event_is_stored_with_what_it_tells_or_neither_is(shop_db: sqlite3.Connection) -> None:
    rows = [*PaymentRows.of(1, [], [], [late(1)], NOW), *PaymentRows.of(1, [], [], [late(99)], NOW)]
    statements = rows_of(rows).statements()
    shop_db.execute(
        "CREATE TEMP TRIGGER fails AFTER INSERT ON main.alert WHEN NEW.id = 2 "
        "BEGIN SELECT RAISE(ABORT, 'x'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        store_rows(shop_db, statements)
    assert told(shop_db) == []
    assert shop_db.execute("SELECT count(*) FROM alert").fetchone() == (0,)
