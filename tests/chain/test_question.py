"""What comes of a question: a result, a revert, a refusal, nothing, or a failure of the endpoint."""

import pytest

from minirelay.chain.errors import (
    AnswerTooLong,
    EndpointFailure,
    NodeRefused,
    RateLimited,
    Reverted,
    UnusableAnswer,
)
from minirelay.chain.question import (
    NOT_ASKED,
    Question,
    Refused,
    Reply,
    read,
    read_outcomes,
    refusal_of,
)
from minirelay.protocol.json_rpc import Request, Result, RpcError, read_quantity
from minirelay.protocol.refusals import Refusal

LOGS = Question(Request("eth_getLogs"), read_quantity)
CALL = Question(Request("eth_call"), read_quantity)
HEAD = Question(Request("eth_blockNumber"), read_quantity)
REVERT = RpcError(3, "execution reverted: too many requests")
RANGE = RpcError(-32005, "query returned more than 10000 results")
BLOCK = RpcError(-32000, "header not found")
RATE = RpcError(-32005, "too many requests", retry_after_s=3.0)
EVERYTHING = frozenset(Refusal) - {Refusal.RATE_LIMIT}


def outcome(question: Question[int], reply: Reply, handled: frozenset[Refusal] = EVERYTHING) -> object:
    (found,) = read_outcomes([question], [reply], handled)
    return found


def test_results_are_read() -> None:
    assert outcome(HEAD, Result("0x7")) == 7
    assert read(HEAD, Result("0x7")) == 7


def test_what_a_contract_says_is_its_revert_whatever_the_words() -> None:
    assert refusal_of(CALL.request, REVERT) is None
    assert isinstance(outcome(CALL, REVERT), Reverted)


def test_where_no_contract_runs_nothing_reverts() -> None:
    assert refusal_of(HEAD.request, REVERT) is Refusal.RATE_LIMIT
    with pytest.raises(RateLimited):
        outcome(HEAD, REVERT)


@pytest.mark.parametrize(
    ("question", "error", "kind"),
    [
        (LOGS, RANGE, Refusal.RANGE_TOO_LARGE),
        (HEAD, BLOCK, Refusal.BLOCK_UNKNOWN),
        (CALL, RpcError(1, "?"), Refusal.UNKNOWN),
    ],
)
def test_refusals_are_for_whoever_handles_them(
    question: Question[int], error: RpcError, kind: Refusal
) -> None:
    assert outcome(question, error) == Refused(kind, error.words)
    with pytest.raises(EndpointFailure, match="it refuses"):
        outcome(question, error, EVERYTHING - {kind})


def test_a_rate_limit_says_how_long() -> None:
    with pytest.raises(RateLimited) as caught:
        outcome(HEAD, RATE)
    assert caught.value.retry_after_s == 3.0
    with pytest.raises(RateLimited):
        read(LOGS, RATE)


def test_too_long_an_answer_is_a_range_that_is_too_large() -> None:
    failure = AnswerTooLong("the answer is longer than 16777216 bytes")
    assert outcome(LOGS, failure) == Refused(Refusal.RANGE_TOO_LARGE, str(failure))
    with pytest.raises(AnswerTooLong):
        outcome(LOGS, failure, frozenset())


@pytest.mark.parametrize("reply", [UnusableAnswer("not JSON"), Result("seven"), Result(None)])
def test_what_cannot_be_read_is_a_failure(reply: Reply) -> None:
    with pytest.raises(EndpointFailure):
        outcome(HEAD, reply)
    with pytest.raises(EndpointFailure):
        read(HEAD, reply)


def test_what_was_not_asked_is_not_known() -> None:
    assert outcome(HEAD, NOT_ASKED) is NOT_ASKED
    with pytest.raises(EndpointFailure, match="unanswered"):
        read(HEAD, NOT_ASKED)


def test_a_range_that_is_too_large_is_refused_to_others_too() -> None:
    with pytest.raises(NodeRefused, match="10000"):
        read(LOGS, RANGE)
