import sqlite3

import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store import objects
from minirelay.store.batch import rows_of
from minirelay.store.intake import store
from minirelay.store.messages import Commit, ObjectRow, StoredObject
from minirelay.store.objects import load_objects
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
]


def test_any_object_comes_back_as_it_was_stored(db: sqlite3.Connection) -> None:
    store(db, rows_of(beginning()).statements())
    change(db, *[ObjectRow(kind, key, value, owner) for kind, key, value, owner in HOSTILE])
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
    change(db, *[ObjectRow(kind, key, value, owner) for kind, key, value, owner in expected])
    monkeypatch.setattr(objects, "STEP_OBJECTS", step_objects)
    monkeypatch.setattr(objects, "STEP_BYTES", step_bytes)
    assert by_key(load_objects(db, 1)) == sorted(expected)


def test_no_step_reads_more_than_its_bound(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "STEP_BYTES", 10)
    assert list(objects._steps([1] * 5, [4, 4, 20, 5, 6])) == [
        slice(0, 2),
        slice(2, 3),
        slice(3, 4),
        slice(4, 5),
    ]
    assert list(objects._steps([0], [0])) == [slice(0, 1)]
