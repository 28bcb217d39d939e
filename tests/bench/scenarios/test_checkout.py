"""What commits and payment choices cost."""

from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.checkout import run
from tests.bench.sections import values_of


def test_commits_and_choices_are_compared_with_plain_writes(bench: Bench) -> None:
    section = run(bench)
    values = list(values_of(section).values())
    plain, commit, commit_ratio, choice, choice_ratio = values
    assert (commit_ratio, choice_ratio) == (commit / plain, choice / plain)
    # An answered choice is two sets, of which the relay signs one.
    assert choice > plain
    assert [one.goal is not None for one in section.figures] == [False, False, True, False, True]
