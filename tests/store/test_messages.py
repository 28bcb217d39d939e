from minirelay.protocol.objects import ObjectType
from minirelay.store.messages import EMPTY_COUNTS, Counts
from tests.store.examples import listing, order


def test_counts_go_by_object_type_and_add_up() -> None:
    counts = EMPTY_COUNTS.plus([listing(1), listing(2), order(3, owner=9)], 100).plus([order(3)], 11)
    assert counts == Counts(listings=2, orders=2, size_bytes=111)
    assert counts.total == 4
    assert counts.of(ObjectType.LISTING) == 2
    assert counts.of(ObjectType.LISTING, ObjectType.ORDER, ObjectType.TAG) == 4
    assert counts.of() == 0


def test_every_object_type_has_its_count() -> None:
    counts = Counts(1, 2, 3, 4, 5, 6, 1000)
    assert [counts.of(object_type) for object_type in ObjectType] == [1, 2, 3, 4, 5, 6]
    assert counts.total == 21


def test_bytes_are_no_patches() -> None:
    assert Counts(size_bytes=5).total == 0
