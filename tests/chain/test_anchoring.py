"""What is due, and what it may cost."""

import pytest

from minirelay.chain.anchoring import DAY_S, Anchored, LogEnd, Spent, Terms, in_order, is_due, within
from minirelay.chain.sending import PlannedTransaction, Sent

BY_NUMBER = Terms(10, 0, 300, 0, 0)
BY_TIME = Terms(0, 3600, 300, 0, 0)
SENT = Sent(1, b"w" * 20, 5, 200, 8, b"h" * 32)


@pytest.mark.parametrize(
    ("seq", "anchored", "terms", "now", "is_it"),
    [
        (0, Anchored(), BY_TIME, 9999, False),
        (9, Anchored(), BY_NUMBER, 0, False),
        (10, Anchored(), BY_NUMBER, 0, True),
        (19, Anchored(10, 0), BY_NUMBER, 10**9, False),
        (20, Anchored(10, 0), BY_NUMBER, 0, True),
        (11, Anchored(10, 100), BY_TIME, 3699, False),
        (11, Anchored(10, 100), BY_TIME, 3700, True),
        (10, Anchored(10, 100), BY_TIME, 10**9, False),
        (11, Anchored(10, 100), BY_TIME, 99, True),
        (11, Anchored(2**64 - 1, 0), BY_TIME, 10**9, False),
    ],
)
def test_due_is_what_is_new_after_so_many_sets_or_so_long(
    seq: int, anchored: Anchored, terms: Terms, now: float, is_it: bool
) -> None:
    assert is_due(seq, anchored, terms, now) is is_it


def test_who_waited_longest_comes_first() -> None:
    due = [(LogEnd(1, 5), Anchored(1, 30)), (LogEnd(2, 5), Anchored()), (LogEnd(3, 5), Anchored(1, 20))]
    assert [end.shop_id for end in in_order(due)] == [2, 3, 1]


def test_what_was_spent_is_of_a_day() -> None:
    spent = Spent().on(3 * DAY_S + 5).plus(70)
    assert spent.on(4 * DAY_S - 1).plus(30) == Spent(3, 100)
    assert spent.on(4 * DAY_S) == Spent(4, 0)
    assert spent.plus(-80) == Spent(3, 0)


def planned(max_fee: int, tip: int) -> PlannedTransaction:
    fields = {"gas": 1000, "maxFeePerGas": max_fee, "maxPriorityFeePerGas": tip}
    return PlannedTransaction(fields, 10**18, None)


@pytest.mark.parametrize(
    ("room", "instead_of", "fees"),
    [
        (300_000, None, (210, 10)),
        (209_999, None, (209, 10)),
        (110_000, None, (110, 10)),
        (109_999, None, None),
        (300_000, SENT, (225, 10)),
        (225_000, SENT, (225, 10)),
        (224_999, SENT, None),
    ],
)
def test_fees_are_those_suggested_or_what_replaces_another_within_the_ceiling(
    room: int, instead_of: Sent | None, fees: tuple[int, int] | None
) -> None:
    fitting = within(planned(210, 10), room, instead_of)
    if fees is None:
        assert fitting is None
        return
    assert fitting is not None
    assert fitting.highest_cost <= room
    assert (fitting.fields["maxFeePerGas"], fitting.fields["maxPriorityFeePerGas"]) == fees
    assert fitting.instead_of == instead_of


def test_the_tip_rises_by_an_eighth_too() -> None:
    fitting = within(planned(210, 1), 10**9, SENT)
    assert fitting is not None
    assert fitting.fields["maxPriorityFeePerGas"] == 9
