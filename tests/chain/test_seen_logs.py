"""Logs of blocks that are not deep yet."""

from minirelay.chain.seen_logs import SeenLogs
from minirelay.protocol.block_id import BlockId
from tests.chain.chain_values import block_hash, in_order, log


def seen(*places: tuple[int, int]) -> SeenLogs:
    logs = SeenLogs()
    logs.add([log(*place) for place in places])
    return logs


def test_logs_are_listed_by_block_and_index_each_once() -> None:
    logs = seen((5, 1), (4, 9), (5, 0), (5, 1), (7, 0))
    assert len(logs) == 4
    assert in_order(logs.up_to(5)) == [(4, 9), (5, 0), (5, 1)]
    assert in_order(logs.above(5)) == [(7, 0)]


def test_what_was_reorganised_is_forgotten() -> None:
    logs = seen((4, 0), (5, 0), (6, 0), (7, 0))
    logs.forget_above(6)
    assert in_order(logs.up_to(100)) == [(4, 0), (5, 0), (6, 0)]


def test_what_was_given_is_given_once_though_it_is_read_again() -> None:
    logs = seen((4, 0), (5, 0))
    logs.give_up_to(4)
    logs.add([log(4, 0), log(4, 1)])
    assert in_order(logs.up_to(100)) == [(4, 1), (5, 0)]
    assert len(logs) == 2


def test_what_was_given_of_another_fork_is_given_of_this_one() -> None:
    logs = seen((4, 0))
    logs.give_up_to(4)
    logs.add([log(4, 0, fork=1)])
    assert logs.up_to(4) == (log(4, 0, fork=1),)


def test_what_was_given_is_forgotten_where_nothing_is_read_again() -> None:
    logs = seen((4, 0), (5, 0), (6, 0))
    logs.give_up_to(4)
    logs.forget_below(6)
    logs.add([log(4, 0)])
    assert in_order(logs.up_to(100)) == [(4, 0), (5, 0), (6, 0)]


def test_a_block_of_another_fork_takes_the_place_of_the_one_before() -> None:
    logs = seen((5, 0), (5, 1))
    logs.add([log(5, 1, fork=1)])
    assert logs.up_to(5) == (log(5, 1, fork=1),)


def test_what_is_read_again_is_confirmed() -> None:
    logs = seen((4, 0), (5, 0), (6, 0))
    assert logs.unconfirmed(100) == []
    logs.begin_poll()
    assert [one.number for one in logs.unconfirmed(5)] == [4, 5]
    logs.add([log(4, 0)])
    assert [one.number for one in logs.unconfirmed(5)] == [5]
    logs.confirm(BlockId(5, block_hash(5)))
    assert logs.unconfirmed(5) == []


def test_what_is_not_known_again_to_be_on_the_chain_is_not_given() -> None:
    logs = seen((4, 0), (5, 0))
    logs.begin_poll()
    logs.add([log(5, 0)])
    assert in_order(logs.up_to(5)) == [(5, 0)]
    logs.give_up_to(5)
    logs.begin_poll()
    logs.add([log(4, 0), log(5, 0)])
    assert in_order(logs.up_to(5)) == [(4, 0)]


def test_what_is_not_on_the_chain_any_more_is_forgotten() -> None:
    logs = seen((4, 0), (5, 0))
    logs.confirm(BlockId(5, block_hash(5, fork=1)))
    assert in_order(logs.up_to(100)) == [(4, 0)]
    logs.confirm(BlockId(77, block_hash(77)))


def test_what_was_given_needs_no_confirmation() -> None:
    logs = seen((4, 0))
    logs.give_up_to(4)
    logs.begin_poll()
    assert logs.unconfirmed(100) == []
