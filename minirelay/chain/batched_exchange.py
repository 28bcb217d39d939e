"""Asking one endpoint many questions, in batches of the size that it takes (spec 07: "Batches likewise").

Endpoints answer batches partly, with an error for all, or not at all. What is left is asked again in smaller
batches, in the end alone: then whatever is wrong is wrong with that question.
"""

from collections.abc import Callable, Sequence
from typing import Final

from minirelay.chain.batch_size import BatchSize, smaller_than
from minirelay.chain.errors import AnswerTooLong, NoAnswerInTime, RateLimited, UnusableAnswer
from minirelay.chain.question import NOT_ASKED, Reply, refusal_failure, refusal_of
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.transport import Transport
from minirelay.protocol.json_rpc import Answer, Request, RpcError
from minirelay.protocol.refusals import Refusal

MOST_UNUSABLE: Final = 4
"""So many questions may be answered alone with what can't be read, which may be 16 MiB each; fewer while
nothing else is answered, since then it is the endpoint."""

_TOO_LONG: Final = "too long"
_NOTHING: Final = "nothing"

_SUSPICIOUS: Final = 10
"""A larger batch is smaller the next time when there is no answer in time, or a rate limit."""


class BatchedExchange:
    """Some questions to one endpoint. requests: how many it took over the wire."""

    def __init__(
        self,
        transport: Transport,
        size: BatchSize,
        clock: Callable[[], float],
        budget: RequestBudget | None = None,
    ) -> None:
        self.requests = 0
        self._transport = transport
        self._memory = size
        self._clock = clock
        self._budget = budget
        self._size = size.current(clock())
        self._failed: dict[str, int] = {}
        self._unusable = 0
        self._served = 0

    async def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Ask, as long as the budget lasts. Gives the replies in the order of the requests.

        Raises EndpointFailure, also for a rate limit that is said of one question.
        """
        replies: list[Reply] = [NOT_ASKED] * len(requests)
        waiting = list(range(len(requests)))
        while waiting and (self._budget is None or self._budget.take()):
            self.requests += 1
            positions = waiting[: self._size]
            for position, reply in zip(
                positions, await self._exchange([requests[one] for one in positions]), strict=True
            ):
                replies[position] = reply
            waiting = [position for position in waiting if replies[position] is NOT_ASKED]
        self._remember(replies)
        return replies

    async def _exchange(self, requests: Sequence[Request]) -> Sequence[Reply]:
        if len(requests) == 1:
            return [await self._ask_alone(requests[0])]
        try:
            answers = await self._transport.ask_many(requests)
        except UnusableAnswer as failure:
            return self._give_up(requests, _words(failure))
        except (NoAnswerInTime, RateLimited):
            self._shrink_if_large(requests)
            raise
        self._check_rate(requests, answers)
        replies = [_served(request, answer) for request, answer in zip(requests, answers, strict=True)]
        self._served += len(replies) - replies.count(NOT_ASKED)
        if NOT_ASKED in replies:
            words = next((one.message for one in answers if isinstance(one, RpcError) and one.is_for_all), "")
            self._give_up(requests, words)
        return replies

    async def _ask_alone(self, request: Request) -> Reply:
        try:
            answer = await self._transport.ask(request)
        except UnusableAnswer as failure:
            self._unusable += 1
            if self._unusable > min(MOST_UNUSABLE, 1 + self._served):
                raise
            return failure
        self._check_rate([request], [answer])
        self._served += 1
        return answer

    def _check_rate(self, requests: Sequence[Request], answers: Sequence[Answer | None]) -> None:
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, RpcError) and refusal_of(request, answer) is Refusal.RATE_LIMIT:
                self._shrink_if_large(requests)
                raise refusal_failure(request, answer)

    def _give_up(self, requests: Sequence[Request], words: str) -> Sequence[Reply]:
        """Ask for fewer from now on. words: what was said of all of them together."""
        self._failed[words] = len(requests)
        self._size = smaller_than(len(requests))
        return [NOT_ASKED] * len(requests)

    def _shrink_if_large(self, requests: Sequence[Request]) -> None:
        if len(requests) > _SUSPICIOUS:
            self._memory.shrink(len(requests), self._clock())

    def _remember(self, replies: Sequence[Reply]) -> None:
        """Remember the size that failed, unless one question is answered alone as all of them were."""
        said = {_words(reply) for reply in replies}
        if NOT_ASKED in replies:
            # What makes an answer too long may be among what was not reached.
            said.add(_TOO_LONG)
        for words, failed in self._failed.items():
            if words not in said:
                self._memory.shrink(failed, self._clock())


def _served(request: Request, answer: Answer | None) -> Reply:
    """Return the answer, if it is this request's own."""
    if answer is None:
        return NOT_ASKED
    if isinstance(answer, RpcError):
        is_of_batch = refusal_of(request, answer) is Refusal.BATCH_TOO_LARGE
        return NOT_ASKED if answer.is_for_all or is_of_batch else answer
    return answer


def _words(reply: Reply) -> str:
    """Return what is wrong with a reply, as a batch and one question can have it in common."""
    if isinstance(reply, AnswerTooLong):
        # How long it may be differs.
        return _TOO_LONG
    if isinstance(reply, RpcError):
        return reply.message
    return str(reply) if isinstance(reply, UnusableAnswer) else _NOTHING
