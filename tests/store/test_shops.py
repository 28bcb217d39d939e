import sqlite3

import msgspec
import pytest

from minirelay.store import shops
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.messages import KeyCard, NextRows, ShopRow
from minirelay.store.writes import Commit, MetaRow
from tests.store.examples import CARD, GUEST, OTHER_GUEST, beginning, key_card, shop_row


def commit(db: sqlite3.Connection, *commits: Commit) -> None:
    store(db, rows_of(commits).statements())


def test_an_empty_database_knows_nobody_and_starts_at_one(db: sqlite3.Connection) -> None:
    assert shops.list_shops(db) == []
    assert shops.find_shop(db, 1) is None
    assert shops.find_shop_of_row(db, 1) is None
    assert shops.find_card(db, bytes(33)) is None
    assert shops.list_cards(db, 1) == []
    assert shops.count_guest_cards(db, 1) == 0
    assert shops.next_rows(db) == NextRows(1, 1)
    assert shops.get_meta(db, "key") is None


@pytest.mark.parametrize("shop_id", [0, 1, 2**63, 2**255 + 2**8, 2**256 - 1])
def test_a_shop_is_found_by_its_id_and_its_row(db: sqlite3.Connection, shop_id: int) -> None:
    row = ShopRow(7, shop_id, 2**62, 1_700_000_000)
    commit(db, Commit(epoch=0, shop=7, new_shop=row))
    assert shops.find_shop(db, shop_id) == row
    assert shops.find_shop_of_row(db, 7) == row
    assert shops.find_shop(db, shop_id ^ 1) is None
    assert shops.list_shops(db) == [row]


def test_shops_are_listed_in_the_order_in_which_they_came(db: sqlite3.Connection) -> None:
    rows = [shop_row(number) for number in (1, 2, 3)]
    commit(db, *[Commit(epoch=0, shop=row.row_id, new_shop=row) for row in reversed(rows)])
    assert shops.list_shops(db) == rows


@pytest.mark.parametrize("nonce", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_card_comes_back_with_its_nonce(db: sqlite3.Connection, nonce: int) -> None:
    card = KeyCard(CARD, b"\x00" * 33, 1, b"\xff" * 20, True, nonce, False, 5)
    commit(db, Commit(epoch=0, shop=1, new_shop=shop_row(), new_cards=(card,)))
    assert shops.find_card(db, b"\x00" * 33) == card
    commit(db, Commit(epoch=0, shop=1, nonces={CARD: 2**64 - 1}, unlinked=(CARD,)))
    now = msgspec.structs.replace(card, last_nonce=2**64 - 1, is_unlinked=True)
    assert shops.find_card(db, b"\x00" * 33) == now
    assert shops.list_cards(db, 1) == [now]


def test_cards_belong_to_their_shop(db: sqlite3.Connection) -> None:
    commit(db, *beginning(1, cards=(CARD, GUEST, OTHER_GUEST)), *beginning(2, cards=(9,)))
    assert shops.list_cards(db, 1) == [
        key_card(CARD),
        key_card(GUEST, 1, True),
        key_card(OTHER_GUEST, 1, True),
    ]
    assert [card.row_id for card in shops.list_cards(db, 2)] == [9]
    assert shops.count_guest_cards(db, 1) == 2
    commit(db, Commit(epoch=0, shop=1, unlinked=(GUEST,)))
    assert shops.count_guest_cards(db, 1) == 2
    assert shops.count_guest_cards(db, 3) == 0


def test_row_ids_go_on_after_the_highest(db: sqlite3.Connection) -> None:
    commit(db, *beginning(5, cards=(40,)))
    assert shops.next_rows(db) == NextRows(6, 41)


def test_a_note_is_recalled(db: sqlite3.Connection) -> None:
    store(
        db,
        rows_of(
            [MetaRow("a\0b", b"1"), MetaRow("cursor", b"\x00"), MetaRow("a\0b", b"\x00\xff")]
        ).statements(),
    )
    assert shops.get_meta(db, "a\0b") == b"\x00\xff"
    assert shops.get_meta(db, "cursor") == b"\x00"
    assert shops.get_meta(db, "a") is None


def test_cards_are_looked_up_not_searched(db: sqlite3.Connection) -> None:
    for where in ("public_key = ?", "shop = ?"):
        plan = db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM key_card WHERE {where} ORDER BY id", (b"",))
        assert not [row for row in plan if "SCAN" in row[3]]
