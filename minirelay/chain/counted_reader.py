"""A chain whose requests are counted, for the further questions of a watch."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from minirelay.chain.chain import Chain
from minirelay.chain.errors import AnswerTooLong, BudgetSpent, NodeRefused, Reverted
from minirelay.chain.question import NotAsked, Question, Refused
from minirelay.chain.request_budget import RequestBudget
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import RpcError

T = TypeVar("T")

_TOO_LARGE = -32005


class CountedReader:
    """Asks a chain as long as the budget lasts. chain and budget: for what takes them itself."""

    def __init__(
        self,
        chain: Chain,
        budget: RequestBudget,
        endpoint: str | None = None,
        *,
        without: Collection[str] = (),
    ) -> None:
        """endpoint: the name of the one that told of what was found. without: endpoints not to be asked."""
        self.chain = chain
        self.budget = budget
        self._endpoint = endpoint
        self._without = without

    def of_another(self) -> "CountedReader | None":
        """Return what asks all endpoints but that one, of the same budget; None: it is alone."""
        others = [one.name for one in self.chain.health() if one.name != self._endpoint]
        if self._endpoint is None or not others:
            return None
        return CountedReader(self.chain, self.budget, without=(self._endpoint,))

    async def request_many(
        self, questions: Sequence[Question[T]], at: BlockId | None = None
    ) -> list[T | Reverted]:
        """Ask together, all of one endpoint. Gives results and reverts in their order.

        Raises NodeRefused where logs are asked for and are too many, ChainUnreachable, BudgetSpent.
        """
        if not questions:
            return []
        answered = await self.chain.ask_one(questions, self.budget, at=at, without=self._without)
        outcomes: list[T | Reverted] = []
        for outcome in answered.outcomes:
            if isinstance(outcome, NotAsked):
                raise BudgetSpent("the requests of this poll are used up")
            if isinstance(outcome, Refused):
                raise NodeRefused(RpcError(_TOO_LARGE, outcome.words))
            outcomes.append(outcome)
        return outcomes

    async def request_unless_long(self, questions: Sequence[Question[T]]) -> list[T | AnswerTooLong]:
        """Ask for what strangers can make too long. Raises like `request_many`."""
        if not questions:
            return []
        return await self.chain.request_unless_long(questions, self.budget, without=self._without)
