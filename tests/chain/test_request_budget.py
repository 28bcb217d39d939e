"""The requests that a piece of work has."""

from minirelay.chain.request_budget import RequestBudget


def test_it_counts_down() -> None:
    budget = RequestBudget(2)
    assert [budget.take() for _ in range(4)] == [True, True, False, False]
    assert budget.left == 0


def test_a_spent_one_gives_nothing() -> None:
    assert not RequestBudget(-1).take()
