"""What commits and payment choices cost."""

from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.checkout import run


def test_commits_and_choices_are_compared_with_plain_writes(bench: Bench) -> None:
    section = run(bench)
    plain, commit, per_plain, like, choice, per_like, in_plain, again, again_per_like = (
        one.value for one in section.figures
    )
    assert (per_plain, in_plain) == (commit / plain, choice / plain)
    assert (per_like, again_per_like) == (choice / like, again / like)
    # An answered choice is two sets, of which the relay signs one.
    assert choice > like > plain
    with_goal = [one.value for one in section.figures if one.goal is not None]
    assert with_goal == [per_plain, per_like, again_per_like]
