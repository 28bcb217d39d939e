import pytest

from minirelay.config.urls import BaseUrl
from minirelay.operations.checks.reach import judge_handshake, judge_health
from minirelay.operations.checks.result import Verdict

URL = BaseUrl.parse("https://relay.example.org")


@pytest.mark.parametrize(
    ("status", "text", "verdict", "words"),
    [
        (200, "health OK", Verdict.OK, "answers"),
        (500, "health FAILED: it hangs", Verdict.FAIL, "it hangs"),
        (301, "", Verdict.FAIL, "leads elsewhere"),
        (502, "<html>", Verdict.FAIL, "does not reach the relay"),
        (200, "<html>", Verdict.FAIL, "is no relay"),
        (404, "", Verdict.FAIL, "is no relay"),
    ],
)
def test_what_an_answer_to_health_says(status: int, text: str, verdict: Verdict, words: str) -> None:
    found = judge_health(URL, status, text)
    assert found.verdict is verdict
    assert words in found.text


@pytest.mark.parametrize(
    ("status", "verdict"), [(400, Verdict.FAIL), (426, Verdict.FAIL), (503, Verdict.WARN)]
)
def test_a_refused_websocket_is_the_proxys_unless_the_relay_is_full(status: int, verdict: Verdict) -> None:
    assert judge_handshake(URL, status).verdict is verdict
