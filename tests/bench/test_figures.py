"""Figures and their goals."""

import pytest

from minirelay.bench.figures import Figure, Goal, Report, Section, percentile


@pytest.mark.parametrize(
    ("target", "value", "is_met"),
    [
        (Goal.at_least(4), 4, True),
        (Goal.at_least(4), 5, True),
        (Goal.at_least(4), 3.9, False),
        (Goal.at_most(4), 4, True),
        (Goal.at_most(4), 3, True),
        (Goal.at_most(4), 4.1, False),
        (None, 4, None),
    ],
)
def test_targets(target: Goal | None, value: float, is_met: bool | None) -> None:
    assert Figure("one", value, "s", target).is_met is is_met


@pytest.mark.parametrize(
    ("figures", "is_kept"),
    [
        ((), True),
        ((Figure("told", 9, "s"), Figure("wanted", 9, "s", Goal.at_most(4))), True),
        ((Figure("must", 4, "s", Goal.must_be_at_most(4)),), True),
        ((Figure("told", 9, "s"), Figure("must", 4.1, "s", Goal.must_be_at_most(4))), False),
    ],
)
def test_only_what_must_be_breaks_a_report(figures: tuple[Figure, ...], is_kept: bool) -> None:
    assert Report((), (Section("one", "One", ()), Section("two", "Two", figures))).is_kept is is_kept


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(100)], 0.99, 99.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected
