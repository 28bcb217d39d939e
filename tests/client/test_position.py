from minirelay.client.position import BEGINNING, Position


def test_a_whole_set_is_gone_on_after() -> None:
    assert Position(7).start == 7
    assert BEGINNING.start == 0


def test_a_set_that_may_be_known_by_half_is_asked_for_again() -> None:
    assert Position(7, 3).start == 6


def test_what_is_known_is_told_by_number_and_leaf() -> None:
    position = Position(7, 3)
    assert position.covers(6, 9999)
    assert position.covers(7, 3)
    assert not position.covers(7, 4)
    assert not position.covers(8, 0)


def test_of_a_whole_set_every_leaf_is_known() -> None:
    assert Position(7).covers(7, 9999)
    assert not Position(7).covers(8, 0)
