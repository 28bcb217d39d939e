import sqlite3

import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store import objects
from minirelay.store.batch import rows_of
from minirelay.store.bulk_insert import store
from minirelay.store.errors import StoreUnavailable
from minirelay.store.messages import ObjectRow, StoredObject
from minirelay.store.objects import load_objects
from minirelay.store.pieces import object_row
from minirelay.store.writes import Commit
from tests.store.examples import GUEST, beginning


def change(db: sqlite3.Connection, *changes: ObjectRow, shop: int = 1) -> None:
    store(db, rows_of([Commit(epoch=0, shop=shop, changes=changes)]).statements())


def by_key(loaded: list[StoredObject]) -> list[tuple[ObjectType, bytes, bytes, int]]:
    return sorted((one.object_type, one.key, one.value, one.owner) for one in loaded)


HOSTILE = [
    (ObjectType.LISTING, b"\x00" * 8, b"", 0),
    (ObjectType.LISTING, b"\x00" * 7, b"\x00", 0),
    (ObjectType.TAG, b"", b"\x00\x00tail", 0),
    (ObjectType.TAG, b"\x00" * 8, b"other type, same key", 0),
    (ObjectType.ORDER, b"o", b"\xff" * 70_000, GUEST),
    (ObjectType.ACCOUNT, b"k" * 70_000, b",", 0),
    (ObjectType.MANIFEST, b"", b"manifest", 0),
    (ObjectType.INVENTORY, b"i,\x00", b"\x05", 0),
    (ObjectType.ORDER, b"one piece", b"\x00" * 4000, 0),
    (ObjectType.ORDER, b"a piece and a byte", b"\x00" * 4001, 0),
    (ObjectType.ORDER, b"two pieces", b"\x00" * 8000, 0),
]


def test_any_object_comes_back_as_it_was_stored(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning()).statements())
    change(db, *[object_row(kind, key, value, owner) for kind, key, value, owner in HOSTILE])
    loaded = load_objects(db, 1)
    assert by_key(loaded) == sorted(HOSTILE)
    assert all(isinstance(one.object_type, ObjectType) for one in loaded)


def test_changed_and_removed_objects_and_their_owners(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning()).statements())
    change(db, ObjectRow(ObjectType.ORDER, b"a", b"1", GUEST), ObjectRow(ObjectType.ORDER, b"b", b"1"))
    change(db, ObjectRow(ObjectType.ORDER, b"a", b"2", 7), ObjectRow(ObjectType.ORDER, b"b", None))
    assert by_key(load_objects(db, 1)) == [(ObjectType.ORDER, b"a", b"2", 7)]


def test_shops_are_kept_apart(db: sqlite3.Connection) -> None:
    store(db, rows_of([*beginning(1), *beginning(2, cards=())]).statements())
    change(db, ObjectRow(ObjectType.TAG, b"t", b"one"), shop=1)
    change(db, ObjectRow(ObjectType.TAG, b"t", b"two"), shop=2)
    assert [one.value for one in load_objects(db, 2)] == [b"two"]
    assert load_objects(db, 3) == []


@pytest.mark.parametrize(("step_objects", "step_bytes"), [(1, 1), (3, 10**6), (10, 25), (10, 24), (7, 0)])
def test_they_are_the_same_whatever_the_steps(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, step_objects: int, step_bytes: int
) -> None:
    store(db, rows_of(beginning()).statements())
    expected = [(ObjectType.TAG, b"%d" % number, b"v" * (number * 7 % 23), 0) for number in range(50)]
    expected += [(ObjectType.ORDER, b"%d" % size, bytes(size), GUEST) for size in (4000, 4001, 9000)]
    change(db, *[object_row(kind, key, value, owner) for kind, key, value, owner in expected])
    monkeypatch.setattr(objects, "STEP_OBJECTS", step_objects)
    monkeypatch.setattr(objects, "STEP_BYTES", step_bytes)
    assert by_key(load_objects(db, 1)) == sorted(expected)


def test_no_step_reads_more_than_its_bound(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "STEP_BYTES", 10)
    assert list(objects.steps([1] * 5, [4, 4, 20, 5, 6])) == [
        slice(0, 2),
        slice(2, 3),
        slice(3, 4),
        slice(4, 5),
    ]
    assert list(objects.steps([0], [0])) == [slice(0, 1)]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM object_piece WHERE position & 0xfffff = 1",
        "DELETE FROM object_piece WHERE position & 0xfffff = 2",
        "DELETE FROM object_piece",
        "INSERT INTO object_piece SELECT max(position) + 1, x'00' FROM object_piece",
        "UPDATE object_piece SET position = position + 5 WHERE position & 0xfffff = 2",
        "UPDATE object SET pieces = 1 WHERE pieces = 3",
    ],
)
def test_an_object_without_all_of_its_pieces_is_noticed(db: sqlite3.Connection, damage: str) -> None:
    store(db, rows_of(beginning()).statements())
    change(
        db,
        object_row(ObjectType.ORDER, b"a", bytes(9000)),
        object_row(ObjectType.ORDER, b"b", bytes(5)),
        object_row(ObjectType.ORDER, b"c", bytes(13_000)),
    )
    assert len(load_objects(db, 1)) == 3
    db.execute("DROP TRIGGER object_shortened")
    db.execute(damage)
    with pytest.raises(StoreUnavailable, match="pieces of large objects"):
        load_objects(db, 1)
