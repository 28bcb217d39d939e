import sqlite3

import pytest
from msgspec.structs import replace

from minirelay.protocol.block_id import BlockId
from minirelay.shop.payment_alerts import (
    PaymentAlert,
    PaymentAlertKind,
    about_others,
    about_request,
    about_stray,
)
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store as store_rows
from minirelay.store.checkout_integrity import find_alert_damage
from minirelay.store.payment_rows import PaymentRows, PaymentTransfer, TransferKind
from tests.shop.issued import CHAIN, NOW, issued
from tests.shop.patching import NATIVE, TOKEN
from tests.store.examples import beginning
from tests.store.test_checkout_rows import outcome, put, table

BLOCK = BlockId(7, b"\x07" * 32)
EVENT = PaymentTransfer(
    request_id=issued(1).id,
    kind=TransferKind.EVENT,
    token=TOKEN,
    amount=10,
    block=BLOCK,
    transaction_hash=b"\x01" * 32,
    index=3,
)


def alert(kind: PaymentAlertKind = PaymentAlertKind.LATE, **more: object) -> PaymentAlert:
    one = PaymentAlert(
        kind=kind,
        place=(CHAIN, TOKEN),
        request_id=issued(1).id,
        amount=5,
        told_of=about_request(kind, issued(1).id),
    )
    return replace(one, **more)


@pytest.fixture
def shop_db(db: sqlite3.Connection) -> sqlite3.Connection:
    store_rows(db, rows_of(beginning()).statements())
    put(db, outcome(new=[issued(1), issued(2)]))
    return db


def write(
    db: sqlite3.Connection,
    *,
    transfers: list[PaymentTransfer] | None = None,
    gone: list[PaymentTransfer] | None = None,
    alerts: list[PaymentAlert] | None = None,
    at: int = NOW,
) -> None:
    rows = PaymentRows.of(1, transfers or [], gone or [], alerts or [], at)
    store_rows(db, rows_of(rows).statements())


def test_nothing_observed_is_nothing_to_store() -> None:
    assert PaymentRows.of(1, [], [], [], NOW) == ()


def test_an_observation_is_stored_once_as_it_was_last(shop_db: sqlite3.Connection) -> None:
    young = replace(EVENT, is_deep=False, is_proven=False)
    balance = replace(EVENT, kind=TransferKind.BALANCE, transaction_hash=b"", index=0, amount=2**256 - 1)
    write(shop_db, transfers=[young, balance])
    write(shop_db, transfers=[replace(EVENT, block=BlockId(8, b"\x08" * 32), is_in_time=False)])
    assert table(shop_db, "payment_transfer") == [
        (EVENT.request_id, "balance", TOKEN, b"", 0, b"", 7, BLOCK.hash, b"\xff" * 32, 1, 1, 1),
        (EVENT.request_id, "event", TOKEN, b"\x01" * 32, 3, b"", 8, b"\x08" * 32, (10).to_bytes(32), 1, 1, 0),
    ]


def test_of_what_vanished_nothing_stays(shop_db: sqlite3.Connection) -> None:
    write(shop_db, transfers=[EVENT, replace(EVENT, index=4)])
    write(shop_db, gone=[EVENT])
    assert [row[4] for row in table(shop_db, "payment_transfer")] == [4]


def test_an_observation_is_of_a_request(shop_db: sqlite3.Connection) -> None:
    shop_db.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError):
        write(shop_db, transfers=[replace(EVENT, request_id=bytes(32))])


def test_an_alert_is_told_once_and_then_brought_up_to_date(shop_db: sqlite3.Connection) -> None:
    write(shop_db, alerts=[alert()])
    write(shop_db, alerts=[alert(amount=7)], at=NOW + 1)
    write(shop_db, alerts=[alert(amount=9, is_new=False, is_urgent=True)], at=NOW + 2)
    told_of = f"late:{issued(1).id.hex()}"
    (found,) = table(shop_db, "alert")
    assert found[:6] == (1, "late", 1, CHAIN.to_bytes(8), TOKEN, issued(1).id)
    assert found[6:] == (NOW + 2, 0, (9).to_bytes(32), 3, told_of, None, None, None)


def test_what_was_not_told_of_is_not_brought_up_to_date(shop_db: sqlite3.Connection) -> None:
    write(shop_db, alerts=[alert(is_new=False)])
    assert table(shop_db, "alert") == []


def test_one_alert_stands_for_many_and_counts_them(shop_db: sqlite3.Connection) -> None:
    told_of = about_others(PaymentAlertKind.LATE, 1, 500_000)
    for _ in range(3):
        write(shop_db, alerts=[alert(request_id=None, amount=0, told_of=told_of, adds=2)])
    ((*_, count, found, _, _, _),) = table(shop_db, "alert")
    assert (count, found) == (6, told_of)
    assert find_alert_damage(shop_db) is None


def test_a_stray_alert_is_about_what_nobody_asked_for(shop_db: sqlite3.Connection) -> None:
    told_of = about_stray(issued(1).id, NATIVE)
    write(shop_db, alerts=[alert(PaymentAlertKind.STRAY, place=(CHAIN, NATIVE), told_of=told_of)])
    assert find_alert_damage(shop_db) is None
    shop_db.execute("UPDATE alert SET address = x'" + "07" * 20 + "'")
    assert "told of something else" in (find_alert_damage(shop_db) or "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("count = count", None),
        ("address = zeroblob(20)", "told of something else"),
        ("chain_id = zeroblob(8)", "told of something else"),
        ("kind = 'stray'", "told of something else"),
        ("shop = 2", "other payment requests"),
    ],
)
def test_an_alert_of_another_chain_names_it_and_a_request_of_this_one(
    shop_db: sqlite3.Connection, change: str, words: str | None
) -> None:
    told_of = about_stray(issued(1).id, TOKEN, CHAIN + 1)
    place = CHAIN + 1, TOKEN
    write(shop_db, alerts=[alert(PaymentAlertKind.STRAY_ELSEWHERE, place=place, told_of=told_of)])
    shop_db.execute("PRAGMA foreign_keys = OFF")
    shop_db.execute(f"UPDATE alert SET {change}")
    found = find_alert_damage(shop_db)
    assert found is None if words is None else words in (found or "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("kind = 'over'", "told of something else"),
        ("told_of = NULL", "told of something else"),
        ("request_ids = x''", "told of something else"),
        ("address = zeroblob(20)", "other payment requests"),
        ("shop = 2", "other payment requests"),
    ],
)
def test_an_alert_of_something_else_is_damage(shop_db: sqlite3.Connection, change: str, words: str) -> None:
    write(shop_db, alerts=[alert()])
    assert find_alert_damage(shop_db) is None
    shop_db.execute("PRAGMA foreign_keys = OFF")
    shop_db.execute(f"UPDATE alert SET {change}")
    assert words in (find_alert_damage(shop_db) or "")


def test_the_weight_is_about_what_the_rows_hold() -> None:
    rows = PaymentRows.of(1, [EVENT] * 5, [], [alert()] * 3, NOW)
    (one,) = rows
    held = 5 * 200 + 3 * 250
    assert held // 2 <= one.weight <= 3 * held


def test_coins_are_the_zero_address(shop_db: sqlite3.Connection) -> None:
    write(shop_db, transfers=[replace(EVENT, token=NATIVE, kind=TransferKind.STRAY)])
    assert table(shop_db, "payment_transfer")[0][1:3] == ("stray", bytes(20))
