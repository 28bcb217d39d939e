"""What commits and notes write."""

import sqlite3

import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import encode_nonce, rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.log import read_sets
from minirelay.store.messages import ObjectRow
from minirelay.store.pieces import object_row
from minirelay.store.shops import get_meta, list_relay_signers
from minirelay.store.writes import Commit, MetaRow
from tests.store.examples import CARD, GUEST, ShopLog, beginning, key_card, listing, order, shop_row


def commit(db: sqlite3.Connection, *commits: Commit) -> int:
    """Store commits in one transaction; give the number of rows that it took."""
    rows = rows_of(commits)
    store(db, rows.statements())
    return len(rows)


def test_a_shop_its_card_and_its_first_set_can_come_together(db: sqlite3.Connection) -> None:
    first = ShopLog().add(
        listing(1),
        new_shop=shop_row(),
        new_cards=(key_card(CARD),),
        nonces={CARD: 5},
        relay_nonce=6,
        changes=(ObjectRow(ObjectType.MANIFEST, b"", b"manifest"),),
    )
    commit(db, first)
    assert db.execute("SELECT relay_nonce FROM shop").fetchall() == [(6,)]
    assert db.execute("SELECT last_nonce FROM key_card").fetchall() == [(encode_nonce(5),)]
    assert db.execute("SELECT key, value FROM object").fetchall() == [(b"", b"manifest")]


def test_a_signer_of_the_relays_is_kept_once_with_what_it_signed(db: sqlite3.Connection) -> None:
    log = ShopLog()
    commit(db, *beginning(), *beginning(2, cards=()))
    first, second = b"\x02" * 33, b"\x03" + bytes(32)
    commit(db, log.add(relay_signer=second), log.add(relay_signer=first), log.add(relay_signer=second))
    commit(db, log.add(relay_signer=first), ShopLog(2).add(relay_signer=second), log.add())
    assert list_relay_signers(db) == [first, second]
    with pytest.raises(sqlite3.IntegrityError):
        commit(db, log.add(relay_signer=b"\x02" * 32))
    assert len(read_sets(db, 1, 0, 9, 9, 10**6)) == 5


def test_only_the_last_of_several_changes_is_written(db: sqlite3.Connection) -> None:
    log = ShopLog()
    commit(db, *beginning())

    def change(key: bytes, value: bytes | None) -> tuple[ObjectRow, ...]:
        return (ObjectRow(ObjectType.LISTING, key, value),)

    rows = commit(
        db,
        log.add(changes=change(b"a", b"1") + change(b"a", b"2"), nonces={CARD: 1}, relay_nonce=1),
        log.add(changes=change(b"b", b"1") + change(b"gone", b"1"), nonces={CARD: 2}, relay_nonce=2),
        log.add(changes=change(b"a", b"3") + change(b"gone", None), nonces={CARD: 3}, relay_nonce=3),
    )
    # Three sets of one patch each, three objects, one nonce, one relay nonce.
    assert rows == 3 + 3 + 3 + 1 + 1
    assert db.execute("SELECT key, value FROM object ORDER BY key").fetchall() == [(b"a", b"3"), (b"b", b"1")]
    assert db.execute("SELECT last_nonce FROM key_card").fetchall() == [(encode_nonce(3),)]
    assert db.execute("SELECT relay_nonce FROM shop").fetchall() == [(3,)]


def test_objects_of_the_same_key_are_told_apart_by_type_and_shop(db: sqlite3.Connection) -> None:
    commit(db, *beginning(1), *beginning(2, cards=(GUEST,)))
    changes = tuple(ObjectRow(object_type, b"k", b"v") for object_type in ObjectType)
    commit(db, *[Commit(epoch=0, shop=shop, changes=changes) for shop in (1, 2)])
    assert db.execute("SELECT count(*) FROM object").fetchone() == (2 * len(ObjectType),)


def test_every_patch_of_a_set_is_in_the_index(db: sqlite3.Connection) -> None:
    commit(db, *beginning())
    log = ShopLog()
    commit(db, log.add(listing(1), order(7, GUEST), listing(1)), log.add(order(7, GUEST)))
    rows = db.execute("SELECT object_type, object_id, seq, leaf, owner FROM patch_index").fetchall()
    one, seven = ((number).to_bytes(8, "big") for number in (1, 7))
    assert sorted(rows) == [
        (1, one, 1, 0, 0),
        (1, one, 1, 2, 0),
        (3, seven, 1, 1, GUEST),
        (3, seven, 2, 0, GUEST),
    ]
    types = db.execute("SELECT types, patch_count FROM patch_set ORDER BY position").fetchall()
    assert types == [(1 << 1 | 1 << 3, 3), (1 << 3, 1)]


def test_a_card_can_be_unlinked_once_and_again(db: sqlite3.Connection) -> None:
    commit(db, *beginning())
    once = Commit(epoch=0, shop=1, unlinked=(CARD,))
    assert commit(db, once, once) == 1
    assert db.execute("SELECT is_unlinked FROM key_card").fetchall() == [(1,)]


def test_weight_grows_with_bytes_and_with_rows() -> None:
    log = ShopLog()
    small = log.add().weight
    assert log.add(size_bytes=10_000).weight - small == 10_000 - 300
    assert log.add(*[listing(1)] * 101).weight - small == 100 * (small - 300) // 2
    value = (
        object_row(ObjectType.LISTING, b"k", bytes(50_000)),
        ObjectRow(ObjectType.LISTING, b"gone", None),
    )
    assert Commit(epoch=0, shop=1, changes=value).weight >= 50_000


def test_what_else_a_commit_brings_is_stored_with_it_and_weighs(db: sqlite3.Connection) -> None:
    commit(db, *beginning())
    log = ShopLog()
    note = MetaRow("note", bytes(5000))
    with_note = log.add(further=(note,))
    assert with_note.weight == log.add().weight + note.weight > 5000
    assert commit(db, with_note) == 3
    assert get_meta(db, "note") == bytes(5000)
    log.add()
    with pytest.raises(sqlite3.IntegrityError, match="gap"):
        commit(db, log.add(further=(MetaRow("note", b"not this"),)))
    assert get_meta(db, "note") == bytes(5000)
