from minirelay.operations.checks.result import Verdict
from minirelay.operations.checks.running import LATELY_S, judge_proxy, judge_running, judge_unswept

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


def test_a_proxy_that_is_not_trusted_is_named_for_a_day() -> None:
    seen = {"untrusted_peer": "127.0.0.1", "forwarded_s": LATELY_S, "no_upgrade_s": None}
    found = judge_proxy(seen)
    assert found.verdict is Verdict.WARN
    assert "127.0.0.1" in found.text
    assert "trusted_proxies" in found.remedy
    assert judge_proxy(seen | {"forwarded_s": LATELY_S + 1}).verdict is Verdict.OK


def test_a_session_without_upgrade_is_told_of_for_a_day() -> None:
    seen = {"untrusted_peer": None, "forwarded_s": None, "no_upgrade_s": 5}
    assert judge_proxy(seen).verdict is Verdict.WARN
    assert judge_proxy(seen | {"no_upgrade_s": None}).verdict is Verdict.OK
