"""Batches that are answered partly, with an error for all, or not at all."""

from collections.abc import Sequence

import pytest

from minirelay.chain.batch_size import FIRST_TRIAL_S, BatchSize
from minirelay.chain.batched_exchange import MOST_UNUSABLE, BatchedExchange
from minirelay.chain.errors import AnswerTooLong, EndpointFailure, NoAnswerInTime, RateLimited, UnusableAnswer
from minirelay.chain.question import NOT_ASKED, Reply
from minirelay.chain.request_budget import RequestBudget
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from tests.chain.scripted import SayAll, Scripted

NOW = 1000.0
TOO_LARGE = RpcError(-32600, "batch too large")
RANGE = RpcError(-32005, "query returned more than 10000 results")


def asking(count: int) -> list[Request]:
    return [Request("eth_getBalance", [number]) for number in range(count)]


def own(request: Request) -> Answer:
    return Result(request.params[0])


def number(request: Request) -> int:
    (one,) = request.params
    assert isinstance(one, int)
    return one


def right(count: int) -> list[Reply]:
    return [Result(number) for number in range(count)]


def up_to(limit: int, otherwise: Answer | Exception | None) -> SayAll:
    """Answer batches up to a size; larger ones in this way, for all."""

    def say_all(requests: Sequence[Request]) -> Sequence[Answer | None]:
        if len(requests) <= limit:
            return [own(request) for request in requests]
        if isinstance(otherwise, Exception):
            raise otherwise
        return [otherwise] * len(requests)

    return say_all


def exchange(
    node: Scripted, size: BatchSize | None = None, budget: RequestBudget | None = None
) -> BatchedExchange:
    return BatchedExchange(node, size or BatchSize(), lambda: NOW, budget)


async def test_what_is_taken_at_once_takes_one_request() -> None:
    node = Scripted(own)
    one = exchange(node)
    assert await one.ask(asking(100)) == right(100)
    assert node.sizes == [100]
    assert one.requests == 1


async def test_more_than_a_batch_takes_several() -> None:
    node = Scripted(own)
    assert await exchange(node).ask(asking(250)) == right(250)
    assert node.sizes == [100, 100, 50]


FAILURES: dict[str, Answer | Exception | None] = {
    "for all": RpcError(-32600, "invalid request", is_for_all=True),
    "for each": TOO_LARGE,
    "unanswered": None,
    "no batches": UnusableAnswer("it is no list of answers"),
    "http": UnusableAnswer("HTTP status 413"),
    "too long": AnswerTooLong("longer than 16 MiB"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_batches_shrink_to_what_is_taken_and_stay_so(name: str) -> None:
    node, size = Scripted(own, up_to(10, FAILURES[name])), BatchSize()
    assert await exchange(node, size).ask(asking(25)) == right(25)
    assert node.sizes == [25, 10, 10, 5]
    assert await exchange(node, size).ask(asking(25)) == right(25)
    assert node.sizes[4:] == [10, 10, 5]
    assert size.current(NOW + FIRST_TRIAL_S) == 100


@pytest.mark.parametrize("name", FAILURES)
async def test_without_batches_each_is_asked_alone(name: str) -> None:
    node, size = Scripted(own, up_to(1, FAILURES[name])), BatchSize()
    assert await exchange(node, size).ask(asking(12)) == right(12)
    assert node.sizes == [12, 10, 3, *[1] * 12]
    assert size.current(NOW) == 1


async def test_of_a_batch_answered_partly_only_the_rest_is_asked_again() -> None:
    node = Scripted(own, lambda requests: [own(one) if number(one) % 2 else None for one in requests])
    assert await exchange(node).ask(asking(20)) == right(20)
    # The ten that are left are answered in no batch.
    assert node.sizes == [20, 10, 3, *[1] * 10]


async def test_errors_of_single_questions_are_theirs() -> None:
    error = RpcError(-32000, "header not found")
    node, size = Scripted(own, lambda requests: [error, *(own(one) for one in requests[1:])]), BatchSize()
    assert await exchange(node, size).ask(asking(3)) == [error, Result(1), Result(2)]
    assert node.sizes == [3]
    assert size.current(NOW) == 100


def ranges(request: Request) -> Answer:
    return RANGE if request.params[0] == 0 else own(request)


async def test_an_error_for_all_that_one_of_them_repeats_is_not_the_batch_s() -> None:
    whole = RpcError(RANGE.code, RANGE.message, is_for_all=True)
    node, size = Scripted(ranges, lambda requests: [whole] * len(requests)), BatchSize()
    assert await exchange(node, size).ask(asking(2)) == [RANGE, Result(1)]
    assert size.current(NOW) == 100


def too_long_with(culprit: int) -> Scripted:
    """Make an endpoint that answers one question with too much, for a batch as for that one alone."""

    def say(request: Request) -> Answer:
        if number(request) == culprit:
            raise AnswerTooLong("longer than 16 KiB")
        return own(request)

    def say_all(requests: Sequence[Request]) -> Sequence[Answer]:
        if any(number(request) == culprit for request in requests):
            raise AnswerTooLong(f"longer than {16 * len(requests)} KiB")
        return [own(request) for request in requests]

    return Scripted(say, say_all)


async def test_an_answer_that_is_too_long_is_found_in_the_one_that_makes_it_so() -> None:
    size = BatchSize()
    before, found, behind = await exchange(too_long_with(1), size).ask(asking(3))
    assert (before, behind) == (Result(0), Result(2))
    assert isinstance(found, AnswerTooLong)
    # It is not the size of the batch.
    assert size.current(NOW) == 100


async def test_what_makes_an_answer_too_long_may_be_what_was_not_reached() -> None:
    node, size = too_long_with(9), BatchSize()
    replies = await exchange(node, size, RequestBudget(4)).ask(asking(10))
    assert replies[9] is NOT_ASKED
    assert size.current(NOW) == 100


@pytest.mark.parametrize("served", [0, 1, 50])
async def test_few_questions_may_be_answered_with_what_cannot_be_read(served: int) -> None:
    def say(request: Request) -> Answer:
        if number(request) < served:
            return own(request)
        raise UnusableAnswer("it is not JSON")

    node = Scripted(say, up_to(1, UnusableAnswer("it is not JSON")))
    with pytest.raises(UnusableAnswer):
        await exchange(node).ask(asking(100))
    assert node.sizes == [100, 10, 3, *[1] * (served + min(MOST_UNUSABLE, 1 + served) + 1)]


RATES = [
    RpcError(-32005, "too many requests", retry_after_s=7.0),
    RpcError(429, "slow down", retry_after_s=7.0),
]


@pytest.mark.parametrize("error", RATES)
@pytest.mark.parametrize("count", [1, 2, 100])
async def test_a_rate_limit_ends_it_and_says_for_how_long(error: RpcError, count: int) -> None:
    node, size = Scripted(lambda _request: error), BatchSize()
    with pytest.raises(RateLimited) as caught:
        await exchange(node, size).ask(asking(count))
    assert caught.value.retry_after_s == 7.0
    assert len(node.sizes) == 1
    # A large batch may be why.
    assert size.current(NOW) == (10 if count == 100 else 100)


@pytest.mark.parametrize("failure", [NoAnswerInTime("no answer"), RateLimited("429")])
@pytest.mark.parametrize(("count", "next_size"), [(10, 100), (11, 10)])
async def test_a_large_batch_that_takes_too_long_is_smaller_the_next_time(
    failure: EndpointFailure, count: int, next_size: int
) -> None:
    node, size = Scripted(own, up_to(1, failure)), BatchSize()
    with pytest.raises(type(failure)):
        await exchange(node, size).ask(asking(count))
    assert len(node.sizes) == 1
    assert size.current(NOW) == next_size


async def test_what_the_budget_does_not_reach_is_not_asked() -> None:
    node, budget = Scripted(own), RequestBudget(2)
    assert await exchange(node, None, budget).ask(asking(250)) == [*right(200), *[NOT_ASKED] * 50]
    assert node.sizes == [100, 100]
    assert await exchange(node, None, budget).ask(asking(1)) == [NOT_ASKED]


async def test_shrinking_takes_of_the_budget_too() -> None:
    node, budget = Scripted(own, up_to(10, None)), RequestBudget(3)
    assert await exchange(node, None, budget).ask(asking(50)) == [*right(20), *[NOT_ASKED] * 30]
    assert budget.left == 0
