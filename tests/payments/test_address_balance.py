"""What polls find at an address, and what of it counts."""

import pytest

from minirelay.payments.address_balance import PART_INTERVAL_S, AddressBalance, Balance
from tests.payments.found import block, lies

TTL = 1000
TOTAL = 10
NO_EVENT = -1


def balance(looked_at: int = 0, *, is_token: bool = False) -> AddressBalance:
    return AddressBalance(TTL, looked_at, is_token=is_token)


def in_time(one: AddressBalance) -> tuple[int, int]:
    """What came in time: in any block, and in deep ones."""
    return one.sum_up(0, 0, NO_EVENT)


def test_what_lies_there_counts_when_its_block_is_deep_and_it_is_there_still() -> None:
    one = balance()
    assert (one.amount, one.is_known, one.is_decided, one.paid_at) == (0, False, False, None)
    one.look(lies(TOTAL), block(5))
    assert (one.amount, one.is_known, one.is_decided, one.paid_at) == (TOTAL, True, True, None)
    assert in_time(one) == (TOTAL, 0)
    one.settle(lies(TOTAL), block(5))
    assert (in_time(one), one.paid_at) == ((TOTAL, TOTAL), block(5).id)
    assert one.deep == Balance(TOTAL, block(5).id)


def test_a_look_says_whether_anything_is_other_than_before() -> None:
    one = balance()
    looks = [one.look(found, block(5)) for found in (lies(4), lies(4), lies(5), lies(5, 1))]
    assert looks == [True, False, True, True]


def test_what_is_not_there_any_more_counts_only_if_it_was_swept() -> None:
    for count, settled in ((0, 0), (1, TOTAL)):
        one = balance()
        one.look(lies(TOTAL), block(5))
        one.look(lies(0, count), block(8))
        one.settle(lies(TOTAL), block(5))
        assert in_time(one)[1] == settled


def test_two_parts_add_up() -> None:
    one = balance()
    one.look(lies(4), block(5))
    one.look(lies(TOTAL), block(6))
    one.settle(lies(4), block(5))
    assert in_time(one) == (TOTAL, 4)
    one.settle(lies(TOTAL), block(6))
    assert in_time(one) == (TOTAL, TOTAL)


def test_what_lay_there_before_an_event_may_be_what_the_event_tells_of() -> None:
    one = balance()
    one.look(lies(TOTAL), block(5))
    one.settle(lies(TOTAL), block(5))
    assert one.sum_up(TOTAL, TOTAL, 6) == (TOTAL, TOTAL)
    one.look(lies(TOTAL), block(6))
    assert one.sum_up(TOTAL, TOTAL, 6) == (2 * TOTAL, 2 * TOTAL)


def test_what_came_in_time_does_not_get_late_because_a_node_went_back_to_before_it_came() -> None:
    one = balance()
    one.look(lies(TOTAL), block(99))
    one.look(lies(TOTAL), block(101))
    # Of a node that lags, when no other answers: what came in time is not there yet.
    one.look(lies(0), block(90))
    assert one.known_until == block(90).timestamp
    one.look(lies(TOTAL), block(130))
    assert (in_time(one)[0], one.too_late) == (TOTAL, 0)


def test_what_came_in_time_and_is_not_stored_has_to_be_found_again_as_such() -> None:
    one = balance()
    one.look(lies(TOTAL), block(99))
    one.look(lies(TOTAL), block(101))
    assert one.known_until == TTL
    one.settle(lies(TOTAL), block(99))
    assert one.known_until == block(101).timestamp


def test_what_comes_after_the_ttl_is_late() -> None:
    one = balance(looked_at=TTL - 1)
    one.look(lies(4), block(99))
    one.look(lies(4), block(101))
    one.look(lies(TOTAL), block(102))
    assert (in_time(one)[0], one.too_late) == (4, TOTAL - 4)
    one.settle(lies(TOTAL), block(102))
    assert in_time(one)[1] == 0


@pytest.mark.parametrize(("looked_at", "amount"), [(TTL, TOTAL), (TTL + 1, 0)])
def test_what_is_there_after_a_downtime_is_in_time_if_the_last_look_was(looked_at: int, amount: int) -> None:
    one = balance(looked_at=looked_at)
    one.look(lies(TOTAL), block(500))
    assert (in_time(one)[0], one.too_late) == (amount, TOTAL - amount)


def test_an_address_that_was_swept_stays_so_when_nobody_asks() -> None:
    one = balance()
    one.look(lies(TOTAL), block(5))
    one.settle(lies(TOTAL), block(5))
    one.look(lies(0, 1), block(6))
    one.look(lies(0, None), block(7))
    assert in_time(one)[1] == TOTAL


def test_an_emptied_address_is_one_when_it_is_known_what_had_arrived_there() -> None:
    for is_token in (False, True):
        one = balance(is_token=is_token)
        one.look(lies(0, 1), block(8))
        assert not one.is_decided
        one.settle(lies(0, 1), block(8))
        assert one.is_decided
        assert not one.is_emptied(7)
        assert one.is_emptied(8) is not is_token
        assert one.emptied_at == (block(8).id if is_token else None)
        one.note_arrived(4)
        assert (one.is_emptied(8), one.emptied_at) == (True, None)
        assert (in_time(one), one.arrival, one.paid_at) == ((4, 4), Balance(4, block(8).id), block(8).id)


def test_what_lies_at_an_address_that_was_swept_in_a_deep_block_is_left_there() -> None:
    one = balance()
    one.look(lies(3, 1), block(8))
    assert one.left == 0
    one.settle(lies(3, 1), block(8))
    assert one.left == 3


def test_what_is_in_blocks_that_never_were_is_forgotten() -> None:
    one = balance(is_token=True)
    one.look(lies(TOTAL), block(5))
    one.settle(lies(TOTAL), block(5))
    one.look(lies(0, 1), block(7))
    one.settle(lies(0, 1), block(7))
    one.note_arrived(TOTAL)
    assert not one.forget_above(7)
    assert one.forget_above(6)
    assert (one.is_known, one.arrival, one.emptied_at, one.paid_at) == (False, None, None, block(5).id)
    one.look(lies(0, 1), block(7))
    one.settle(lies(0, 1), block(7))
    # What had arrived is asked again.
    assert one.emptied_at == block(7).id
    assert one.forget_above(4)
    assert (one.deep, one.paid_at) == (None, None)


def test_what_was_stored_is_taken_up_again() -> None:
    one = balance(is_token=True)
    one.restore_deep(4, block(5).id)
    one.look(lies(4), block(200))
    assert (in_time(one), one.paid_at) == ((4, 4), block(5).id)
    one.restore_arrival(6, block(8).id)
    assert (one.arrival, one.emptied_at, one.paid_at) == (Balance(6, block(8).id), None, block(8).id)


def test_a_token_that_did_not_say_is_unreadable_until_it_does() -> None:
    one = balance(is_token=True)
    one.note_unreadable()
    assert one.is_unreadable
    one.look(lies(0), block(5))
    assert not one.is_unreadable


def test_whether_a_part_was_swept_is_asked_now_and_then() -> None:
    one = balance()
    assert not one.is_part_due(lies(0))
    assert one.is_part_due(lies(1))
    one.look(lies(1), block(5))
    one.look(lies(1, None), block(6, PART_INTERVAL_S + 49))
    assert not one.is_part_due(lies(1))
    one.look(lies(1, None), block(7, PART_INTERVAL_S + 50))
    assert one.is_part_due(lies(1))
