import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store.messages import Selection
from minirelay.store.selection import Selected, type_mask
from tests.store.examples import GUEST, OTHER_GUEST

A, B = (number.to_bytes(8, "big") for number in (1, 2))
LISTING, TAG, ORDER = ObjectType.LISTING, ObjectType.TAG, ObjectType.ORDER


def test_nothing_covers_anything_else() -> None:
    selected = Selected.of(
        [
            Selection(LISTING),
            Selection(LISTING, A),
            Selection(TAG, b"tag"),
            Selection(TAG, b"tag"),
            Selection(ORDER, None, GUEST),
            Selection(ORDER, A, GUEST),
            Selection(ORDER, A, OTHER_GUEST),
            Selection(ORDER, B),
            Selection(ORDER, B, OTHER_GUEST),
        ]
    )
    assert selected.types == {LISTING}
    assert selected.owners == {GUEST}
    assert selected.objects == {(TAG, b"tag", 0), (ORDER, A, OTHER_GUEST), (ORDER, B, 0)}


def test_all_orders_cover_everybodys_orders() -> None:
    selected = Selected.of(
        [Selection(ORDER), Selection(ORDER, None, GUEST), Selection(ORDER, A, OTHER_GUEST)]
    )
    assert selected == Selected(frozenset({ORDER}), frozenset(), frozenset())


@pytest.mark.parametrize("object_id", [None, A])
def test_only_orders_have_an_owner(object_id: bytes | None) -> None:
    with pytest.raises(ValueError, match="LISTING"):
        Selected.of([Selection(LISTING, object_id, GUEST)])


def test_widening_leaves_whole_types_only() -> None:
    selections = [Selection(LISTING), Selection(TAG, b"tag"), Selection(ORDER, None, GUEST)]
    assert Selected.of(selections).widened() == Selected(
        frozenset({LISTING, TAG, ORDER}), frozenset(), frozenset()
    )


def test_the_mask_has_a_bit_for_each_type() -> None:
    assert Selected.of([Selection(LISTING), Selection(ORDER)]).type_mask == 0b1010
    assert Selected.of([]).type_mask == type_mask([]) == 0
    assert type_mask(ObjectType) == 0b1111110
