import pytest

from minirelay.client.partial_sets import only_public, without_known
from minirelay.client.patches import add_order, add_stock
from minirelay.client.position import BEGINNING, Position
from minirelay.client.received import open_received
from minirelay.errors import MalformedInput, Refusal
from minirelay.protocol.push import SequencedPartialPatchSet
from tests.client.logs import CLERK, SHOP_ID, add_listing, changed, new_shop


def set_of(count: int) -> SequencedPartialPatchSet:
    return new_shop().add(CLERK, [one for number in range(1, count + 1) for one in add_listing(number)])


def test_what_is_new_is_left_alone() -> None:
    pushed = set_of(3)
    for position in (BEGINNING, Position(3), Position(3, 1)):
        assert without_known(pushed, position) is pushed


@pytest.mark.parametrize("position", [Position(4), Position(5), Position(9, 0), Position(4, 2)])
def test_of_what_is_known_nothing_is_left(position: Position) -> None:
    assert without_known(set_of(3), position) is None


@pytest.mark.parametrize("known", [0, 1, 2, 3])
def test_of_what_is_known_by_half_the_rest_is_left_and_still_proved(known: int) -> None:
    pushed = set_of(5)
    rest = without_known(pushed, Position(4, known))
    assert rest is not None
    assert open_received(rest, SHOP_ID).leaves == tuple(range(known + 1, 5))


def test_a_part_behind_what_is_known_is_left_alone() -> None:
    log = new_shop()
    log.add(CLERK, [one for number in range(1, 6) for one in add_listing(number)])
    part = log.set(4, (3, 4))
    assert without_known(part, Position(4, 2)) is part


def test_proofs_that_are_none_are_not_guessed_about() -> None:
    with pytest.raises(MalformedInput):
        without_known(changed(set_of(2), proofs=(b"", b"")), Position(4, 0))


@pytest.mark.parametrize("proofs", [0, 1])
def test_missing_proofs_do_not_hide_a_patch_behind_a_wrong_leaf(proofs: int) -> None:
    pushed = set_of(3)
    cut = changed(pushed, proofs=pushed.proofs[:proofs])
    left = without_known(cut, Position(4, 0))
    assert left is None or len(left.patches) != len(left.proofs)


def test_visitors_see_what_is_public() -> None:
    pushed = new_shop().add(CLERK, add_listing(1) + add_stock(1, 5) + add_listing(2) + add_order(7))
    public = only_public(pushed)
    assert public is not None
    assert [patch.path[0] for patch in open_received(public, SHOP_ID).patches] == ["Listings", "Listings"]
    assert open_received(public, SHOP_ID).leaves == (0, 2)


def test_of_what_is_public_nothing_is_left_out() -> None:
    pushed = set_of(2)
    assert only_public(pushed) is pushed


def test_of_what_is_private_nothing_is_left() -> None:
    assert only_public(new_shop().add(CLERK, add_order(7))) is None


def test_what_is_no_patch_is_not_guessed_about() -> None:
    with pytest.raises(Refusal):
        only_public(changed(set_of(1), patches=(b"\xa0",)))
