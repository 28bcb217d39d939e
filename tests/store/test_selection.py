import pytest

from minirelay.protocol.objects import ObjectType
from minirelay.store.messages import Leaf, Selection
from minirelay.store.selection import Selected
from tests.store.examples import GUEST, OTHER_GUEST, listing, order

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


@pytest.mark.parametrize(
    ("selection", "leaf", "is_held"),
    [
        (Selection(LISTING), listing(1), True),
        (Selection(LISTING), order(1), False),
        (Selection(LISTING, A), listing(1), True),
        (Selection(LISTING, A), listing(2), False),
        (Selection(LISTING, A), order(1), False),
        (Selection(ORDER), order(1, GUEST), True),
        (Selection(ORDER, A), order(1, GUEST), True),
        (Selection(ORDER, None, GUEST), order(1, GUEST), True),
        (Selection(ORDER, None, GUEST), order(1, OTHER_GUEST), False),
        (Selection(ORDER, None, GUEST), order(1), False),
        (Selection(ORDER, A, GUEST), order(1, GUEST), True),
        (Selection(ORDER, A, GUEST), order(2, GUEST), False),
        (Selection(ORDER, A, GUEST), order(1, OTHER_GUEST), False),
        (Selection(ORDER, A, GUEST), order(1), False),
        (Selection(ORDER, None, GUEST), Leaf(LISTING, A, GUEST), False),
    ],
)
def test_a_selection_holds_what_it_says(selection: Selection, leaf: Leaf, is_held: bool) -> None:
    assert Selected.of([selection]).holds(leaf) is is_held
    if is_held:
        assert Selected.of([selection]).widened().holds(leaf)


def test_widening_leaves_whole_types_only() -> None:
    selections = [Selection(LISTING), Selection(TAG, b"tag"), Selection(ORDER, None, GUEST)]
    assert Selected.of(selections).widened() == Selected(
        frozenset({LISTING, TAG, ORDER}), frozenset(), frozenset()
    )


def test_the_mask_has_a_bit_for_each_type() -> None:
    assert Selected.of([Selection(LISTING), Selection(ORDER)]).type_mask == 0b1010
    assert Selected.of([]).type_mask == 0
