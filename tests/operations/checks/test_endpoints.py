from dataclasses import replace

import pytest

from minirelay.config.chains import ChainSettings
from minirelay.operations.checks.endpoints import MOST_BEHIND, Seen, judge_clock, judge_endpoints
from minirelay.operations.checks.result import Verdict

GOOD = Seen("http://good", chain_id=1, head=1000, head_time=5000, log_blocks=1000)
NOW = 5010.0


def verdicts(*seen: Seen) -> list[Verdict]:
    return [one.verdict for one in judge_endpoints(1, seen)]


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (GOOD, Verdict.OK),
        (replace(GOOD, head=1000 - MOST_BEHIND), Verdict.OK),
        (replace(GOOD, head=999 - MOST_BEHIND), Verdict.WARN),
        (replace(GOOD, log_blocks=10), Verdict.WARN),
        (replace(GOOD, log_blocks=0), Verdict.FAIL),
        (replace(GOOD, chain_id=5), Verdict.FAIL),
        (Seen("http://gone", failure="no answer"), Verdict.FAIL),
    ],
)
def test_each_endpoint_is_judged_beside_the_others(seen: Seen, verdict: Verdict) -> None:
    assert verdicts(GOOD, seen) == [Verdict.OK, verdict]


def test_an_endpoint_of_another_chain_is_no_measure_for_the_others() -> None:
    assert verdicts(GOOD, replace(GOOD, chain_id=5, head=10**6)) == [Verdict.OK, Verdict.FAIL]


@pytest.mark.parametrize(
    ("head_time", "verdict"),
    [(5310, Verdict.OK), (5311, Verdict.FAIL), (4710, Verdict.OK), (4709, Verdict.WARN)],
)
def test_the_clock_is_compared_with_the_newest_block(head_time: int, verdict: Verdict) -> None:
    seen = [replace(GOOD, head_time=100), replace(GOOD, head_time=head_time)]
    (found,) = judge_clock(1, ChainSettings(), seen, NOW, tolerance_s=300)
    assert found.verdict is verdict


def test_without_an_answer_nothing_is_said_of_the_clock() -> None:
    assert judge_clock(1, ChainSettings(), [Seen("http://gone", failure="no")], NOW, 300) == []
