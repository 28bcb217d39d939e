from fractions import Fraction

import pytest

from minirelay.payments.price_guard import (
    LONGEST_GAP_S,
    STAYS_S,
    GuardedPrice,
    Verdict,
    judge_price,
)

FIFTH = Fraction(20, 100)
ACCEPTED, REFUSED, JUMPED = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.JUMPED


def verdicts(*prices: float, accepted: float | None = 100, step_s: int = 60) -> list[Verdict]:
    """Judge prices, one after another in steps of time."""
    guard = None if accepted is None else GuardedPrice(Fraction(accepted))
    found = []
    for number, price in enumerate(prices):
        guard, verdict = judge_price(guard, Fraction(str(price)), number * step_s, FIFTH)
        found.append(verdict)
    return found


def test_first_price_is_believed() -> None:
    assert verdicts(3000, accepted=None) == [ACCEPTED]


@pytest.mark.parametrize("price", [80, 100, 120])
def test_near_prices_are_accepted(price: int) -> None:
    assert verdicts(price) == [ACCEPTED]


@pytest.mark.parametrize("price", [79.99, 120.01, 0.001, 10**9])
def test_far_prices_are_not(price: float) -> None:
    assert verdicts(price) == [JUMPED]


def test_prices_may_wander_far_in_small_steps() -> None:
    assert verdicts(110, 125, 140, 160) == [ACCEPTED] * 4


def test_glitch_is_over_when_the_price_comes_back() -> None:
    assert verdicts(300, 101, 102) == [JUMPED, ACCEPTED, ACCEPTED]


def test_price_that_stays_for_ten_minutes_is_accepted() -> None:
    prices = [300, *[305, 296] * 5]
    assert verdicts(*prices) == [JUMPED, *[REFUSED] * 9, ACCEPTED]
    assert STAYS_S == 10 * 60


def test_price_that_does_not_stay_near_begins_anew() -> None:
    assert verdicts(300, 305, 330, 331, *[330] * 8, 330) == [
        *(JUMPED, REFUSED, JUMPED),
        *[REFUSED] * 9,
        ACCEPTED,
    ]


def test_price_may_not_creep_away_from_where_it_was_met_first() -> None:
    # Each within 5 % of the one before, but not of the first.
    assert verdicts(300, 312, 324) == [JUMPED, REFUSED, JUMPED]


def test_price_that_was_not_looked_at_has_not_stayed() -> None:
    assert verdicts(300, 300, step_s=LONGEST_GAP_S + 1) == [JUMPED, JUMPED]
