from minirelay.operations.checks.result import Verdict
from minirelay.operations.checks.running import judge_running, judge_unswept

ONE = {"amount_shown": "1.5", "currency": "ETH", "chain": 1}


def test_a_relay_that_is_not_ready_fails_with_its_own_words() -> None:
    assert judge_running(None).verdict is Verdict.WARN
    assert judge_running({"version": "1", "problems": []}).verdict is Verdict.OK
    found = judge_running({"version": "1", "problems": ["the disk is full"]})
    assert found.verdict is Verdict.FAIL
    assert "the disk is full" in found.text


def test_unswept_money_is_named_up_to_three_sums() -> None:
    assert judge_unswept([]).verdict is Verdict.OK
    found = judge_unswept([ONE] * 5)
    assert found.verdict is Verdict.WARN
    assert found.text.count("1.5 ETH") == 3
    assert found.text.endswith("and 2 more")
