import sqlite3
from typing import Any

import pytest

from minirelay.store.batch import position
from minirelay.store.bulk_insert import WIDTH, Kind, Rows, Statement, store

SHOP = (1, bytes(32), 0, 7)
CARD = (1, bytes(33), 1, bytes(20), False, bytes(8), False, 9)


def rows_with(*rows: tuple[Any, ...]) -> Rows:
    made = Rows()
    for kind, *values in rows:
        made.add(kind, *values)
    return made


def patch_set(seq: int, shop: int = 1) -> tuple[Any, ...]:
    return (Kind.PATCH_SET, position(shop, seq), 1, 2, seq, 0, 0, 0, 0, 0, seq * 10, b"leaves", b"wire", 6)


def content(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    return db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def run(db: sqlite3.Connection, *rows: tuple[Any, ...]) -> None:
    store(db, rows_with(*rows).statements())


def test_each_kind_of_row_goes_where_it_belongs(db: sqlite3.Connection) -> None:
    run(
        db,
        (Kind.SHOP, *SHOP),
        (Kind.KEY_CARD, *CARD),
        patch_set(1),
        (Kind.PATCH, 1, 1, b"id", 1, 0, 0),
        (Kind.OBJECT, 1, 1, b"key", 0, b"value", 2),
        (Kind.PIECE, 1, 1, b"key", 1, b"first"),
        (Kind.PIECE, 1, 1, b"key", 2, b"second"),
        (Kind.META, "key", b"value"),
        (Kind.RELAY_SIGNER, b"\x02" * 33),
    )
    assert content(db, "shop") == [(*SHOP, 0)]
    assert content(db, "key_card") == [(1, bytes(33), 1, bytes(20), 0, bytes(8), 0, 9)]
    assert content(db, "patch_set") == [patch_set(1)[1:]]
    assert content(db, "patch_index") == [(1, 1, b"id", 1, 0, 0)]
    assert content(db, "object") == [(1, 1, 1, b"key", 0, b"value", 2)]
    assert content(db, "object_piece") == [(1 << 20 | 1, b"first"), (1 << 20 | 2, b"second")]
    assert content(db, "meta") == [("key", b"value")]
    assert content(db, "relay_signer") == [(b"\x02" * 33,)]
    run(
        db,
        (Kind.OBJECT, 1, 1, b"key", 3, b"other", 1),
        (Kind.PIECE, 1, 1, b"key", 1, b"another"),
        (Kind.NONCE, 1, b"\xff" * 8),
        (Kind.RELAY_NONCE, 1, 5),
        (Kind.UNLINKED, 1),
        (Kind.META, "key", b""),
        (Kind.RELAY_SIGNER, b"\x02" * 33),
    )
    assert content(db, "shop") == [(1, bytes(32), 5, 7, 0)]
    assert content(db, "relay_signer") == [(b"\x02" * 33,)]
    assert content(db, "key_card") == [(1, bytes(33), 1, bytes(20), 0, b"\xff" * 8, 1, 9)]
    assert content(db, "object") == [(1, 1, 1, b"key", 3, b"other", 1)]
    assert content(db, "object_piece") == [(1 << 20 | 1, b"another")]
    assert content(db, "meta") == [("key", b"")]
    run(db, (Kind.NO_OBJECT, 1, 1, b"key"), (Kind.NO_OBJECT, 1, 1, b"never was there"))
    assert content(db, "object") == []
    assert content(db, "object_piece") == []


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 100, 2048, 2049, 5000])
def test_any_number_of_rows_is_stored_in_as_few_statements_as_possible(
    db: sqlite3.Connection, count: int
) -> None:
    rows = rows_with(*[(Kind.META, f"key {number:05}", b"v") for number in range(count)])
    assert len(rows) == count
    statements = rows.statements()
    assert len(statements) == (count + 2047) // 2048
    store(db, statements)
    assert content(db, "meta") == [(f"key {number:05}", b"v") for number in range(count)]


def test_there_are_few_different_statements_so_that_each_is_prepared_once() -> None:
    texts = {
        statement.sql
        for count in (1, 8, 9, 63, 64, 65, 500, 1000, 2048, 2049, 3000)
        for statement in rows_with(*[(Kind.UNLINKED, 1)] * count).statements()
    }
    assert len(texts) <= 9
    assert max(text.count("?") for text in texts) <= 32_766


def test_no_rows_are_no_statement(db: sqlite3.Connection) -> None:
    assert Rows().statements() == []


BAD_ROWS = [
    (Kind.NONCE, 99, bytes(8)),
    (Kind.RELAY_NONCE, 99, 1),
    (Kind.UNLINKED, 99),
    (Kind.NONCE, 1, b"short"),
    (Kind.SHOP, 1, b"\x01" * 32, 0, 0),
    (Kind.SHOP, 2, bytes(32), 0, 0),
    (Kind.SHOP, 2, b"\x01" * 31, 0, 0),
    (Kind.SHOP, 2**23, b"\x01" * 32, 0, 0),
    (Kind.KEY_CARD, 2, bytes(33), 1, bytes(20), 0, bytes(8), 0, 0),
    (Kind.KEY_CARD, 2, b"\x02" * 33, 99, bytes(20), 0, bytes(8), 0, 0),
    (Kind.KEY_CARD, 2, b"\x02" * 33, 1, bytes(19), 0, bytes(8), 0, 0),
    (Kind.PATCH, 99, 1, b"id", 1, 0, 0),
    (Kind.PATCH, 1, 1, "text", 1, 0, 0),
    (Kind.OBJECT, 99, 1, b"key", 0, b"value", 0),
    (Kind.OBJECT, 1, 1, b"key", 0, None, 0),
    patch_set(1),
    patch_set(3),
    patch_set(2, shop=2),
]


@pytest.mark.parametrize("filler", [0, 3000])
@pytest.mark.parametrize("bad", BAD_ROWS)
def test_one_bad_row_and_nothing_is_stored(db: sqlite3.Connection, bad: tuple[Any, ...], filler: int) -> None:
    run(db, (Kind.SHOP, *SHOP), (Kind.KEY_CARD, *CARD), patch_set(1))
    before = list(db.iterdump())
    good = [(Kind.META, f"key {number}", b"v") for number in range(filler + 1)]
    with pytest.raises(sqlite3.IntegrityError):
        run(db, *good, bad)
    assert not db.in_transaction
    assert list(db.iterdump()) == before
    run(db, *good, patch_set(2))
    assert len(content(db, "meta")) == filler + 1


def test_the_intake_is_no_part_of_the_schema(db: sqlite3.Connection) -> None:
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
    assert not {name for name in names if "bulk_insert" in name}


def test_a_batch_that_fits_is_one_statement() -> None:
    statements = rows_with(*[(Kind.META, str(number), b"") for number in range(300)]).statements()
    assert [type(one) for one in statements] == [Statement]
    assert len(statements[0].parameters) == 512 * (1 + WIDTH)


def test_what_fills_rows_and_statements_up_is_handed_over_as_it_is() -> None:
    rows = rows_with(patch_set(1), (Kind.NONCE, 1, bytes(8)), (Kind.UNLINKED, 1))
    (statement,) = rows.statements()
    # Python looks for an adapter for each parameter that is of none of these types; for bytes it has to.
    assert {type(one) for one in statement.parameters} == {int, bytes}


def test_few_triggers_look_at_most_rows(db: sqlite3.Connection) -> None:
    triggers = "SELECT count(*) FROM sqlite_temp_schema WHERE type = 'trigger' AND tbl_name = 'bulk_insert'"
    assert db.execute(triggers).fetchone() == (5,)


def test_each_kind_has_an_action(db: sqlite3.Connection) -> None:
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_temp_schema WHERE type = 'trigger'")}
    for kind in set(Kind) - {Kind.NOTHING}:
        assert len(names & {f"bulk_insert_{kind.name.lower()}", f"bulk_insert_rare_{kind.name.lower()}"}) == 1
