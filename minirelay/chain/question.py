"""What is asked of a chain, and what comes of it: a result, a revert, a refusal, or nothing yet."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from minirelay.chain.errors import (
    AnswerTooLong,
    ContractFault,
    EndpointFailure,
    NodeRefused,
    RateLimited,
    Reverted,
    UnusableAnswer,
)
from minirelay.errors import MalformedInput
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from minirelay.protocol.refusals import Refusal

T = TypeVar("T")

_MAY_BE_REFUSED: Final = {
    "eth_sendRawTransaction",
    "eth_estimateGas",
    "eth_maxPriorityFeePerGas",
    "eth_getLogs",
}
"""Methods whose errors are for the caller; of all others they mean that the endpoint doesn't work."""

_RUN_CONTRACTS: Final = {"eth_call", "eth_estimateGas", "eth_sendRawTransaction"}
"""Methods that a contract can revert; where others are said to have reverted, the endpoint doesn't work."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A request, and how its result is read.

    read: raises MalformedInput for a result of the wrong type or size, which counts as a failure of the
    endpoint.
    """

    request: Request
    read: Callable[[object], T]


@dataclass(frozen=True, slots=True)
class NotAsked:
    """There was no request left for a question: nothing is known."""


NOT_ASKED: Final = NotAsked()

Reply = Answer | UnusableAnswer | NotAsked
"""What came back for one request. UnusableAnswer: asked alone, it was answered with what can't be read."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An endpoint did not answer a question, and said why: nothing is known, and it is no "no"."""

    kind: Refusal
    words: str


def refusal_of(request: Request, error: RpcError) -> Refusal | None:
    """Return why an endpoint refuses a question; None if a contract reverted it."""
    if error.is_revert and request.method in _RUN_CONTRACTS:
        return None
    return error.refusal(request.method)


def read(question: Question[T], reply: Reply) -> T:
    """Read a reply. Raises Reverted, NodeRefused, EndpointFailure."""
    request = question.request
    if not isinstance(reply, RpcError):
        return _read_result(question, reply)
    refusal = refusal_of(request, reply)
    if refusal is None:
        # Whatever the contract says (its data) is for people only, and no wider than a line.
        raise Reverted(reply.message)
    if request.method in _MAY_BE_REFUSED and refusal is not Refusal.RATE_LIMIT:
        raise NodeRefused(reply)
    raise refusal_failure(request, reply)


def read_all(questions: Sequence[Question[T]], replies: Sequence[Reply]) -> list[T | Reverted]:
    """Read replies; a revert is one. Raises NodeRefused, EndpointFailure."""
    outcomes: list[T | Reverted] = []
    for question, reply in zip(questions, replies, strict=True):
        try:
            outcomes.append(read(question, reply))
        except Reverted as reverted:
            outcomes.append(reverted)
    return outcomes


def read_outcomes(
    questions: Sequence[Question[T]], replies: Sequence[Reply], handled: Collection[Refusal]
) -> list[T | Reverted | Refused | NotAsked]:
    """Read replies. handled: the refusals that are for the caller. Raises EndpointFailure for all others."""
    outcomes: list[T | Reverted | Refused | NotAsked] = []
    for question, reply in zip(questions, replies, strict=True):
        outcome: T | Reverted | Refused | NotAsked = _read_outcome(question, reply, handled)
        outcomes.append(outcome)
    return outcomes


def read_all_about(
    questions: Sequence[Question[T]], replies: Sequence[Reply]
) -> list[T | Reverted | ContractFault]:
    """Read what an endpoint that works answered about contracts. Raises EndpointFailure."""
    outcomes: list[T | Reverted | ContractFault] = []
    for question, reply in zip(questions, replies, strict=True):
        outcome: T | Reverted | ContractFault = _read_about(question, reply)
        outcomes.append(outcome)
    return outcomes


def read_control(control: Question[object], reply: Reply) -> None:
    """Raise EndpointFailure unless the control has an answer."""
    try:
        read(control, reply)
    except Reverted as reverted:
        raise EndpointFailure(f"a call that can't revert reverted: {reverted}") from reverted


def refusal_failure(request: Request, error: RpcError) -> EndpointFailure:
    """Make the failure of an endpoint that refuses what it should answer."""
    words = f"it refuses {request.method}: {error.words}"
    if refusal_of(request, error) is Refusal.RATE_LIMIT:
        return RateLimited(words, error.retry_after_s)
    return EndpointFailure(words)


def _read_outcome(
    question: Question[T], reply: Reply, handled: Collection[Refusal]
) -> T | Reverted | Refused | NotAsked:
    if isinstance(reply, NotAsked):
        return reply
    if isinstance(reply, AnswerTooLong) and Refusal.RANGE_TOO_LARGE in handled:
        return Refused(Refusal.RANGE_TOO_LARGE, str(reply))
    if not isinstance(reply, RpcError):
        return _read_result(question, reply)
    refusal = refusal_of(question.request, reply)
    if refusal is None:
        return Reverted(reply.message)
    if refusal in handled:
        return Refused(refusal, reply.words)
    raise refusal_failure(question.request, reply)


def _read_about(question: Question[T], reply: Reply) -> T | Reverted | ContractFault:
    if isinstance(reply, UnusableAnswer):
        return ContractFault(str(reply))
    if isinstance(reply, NotAsked):
        raise _unanswered(question.request)
    if isinstance(reply, RpcError):
        refusal = refusal_of(question.request, reply)
        if refusal is Refusal.RATE_LIMIT:
            raise refusal_failure(question.request, reply)
        return Reverted(reply.message) if refusal is None else ContractFault(reply.words)
    try:
        return question.read(reply.value)
    except MalformedInput as error:
        return ContractFault(str(error))


def _read_result(question: Question[T], reply: Result | UnusableAnswer | NotAsked) -> T:
    if isinstance(reply, UnusableAnswer):
        raise reply
    if isinstance(reply, NotAsked):
        raise _unanswered(question.request)
    try:
        return question.read(reply.value)
    except MalformedInput as error:
        raise EndpointFailure(f"its answer to {question.request.method} can't be used: {error}") from error


def _unanswered(request: Request) -> EndpointFailure:
    return EndpointFailure(f"it leaves {request.method} unanswered")
