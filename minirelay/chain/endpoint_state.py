"""One endpoint of a chain, with what was learnt about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from minirelay.chain.backoff import LONGEST_BACKOFF_S, Backoff
from minirelay.chain.batch_size import BatchSize
from minirelay.chain.batched_exchange import BatchedExchange
from minirelay.chain.errors import EndpointFailure, UnusableAnswer
from minirelay.chain.question import NOT_ASKED, Question, Reply, read, refusal_of
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.transport import Transport
from minirelay.protocol.block_id import BlockId, read_block_id
from minirelay.protocol.json_rpc import Request, RpcError, read_quantity
from minirelay.protocol.refusals import Refusal

CHAIN_CHECK_S: Final = 600.0
"""Spec 07: the chain's id is asked for again, since endpoints switch."""

_CHAIN_ID: Final = Question(Request("eth_chainId"), read_quantity)
_MAY_BE_THE_HASH: Final = {Refusal.BLOCK_UNKNOWN, Refusal.UNKNOWN}


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How an endpoint is. rest_s: how long it is left alone for the reason given; 0 when it may be asked."""

    name: str
    reason: str
    rest_s: float


class EndpointState:
    """An endpoint. name: what it is called among those of its chain; it may be shown.

    moves: how often in a row its head was another one when it was asked again.
    """

    def __init__(self, transport: Transport, name: str, chain_id: int, clock: Callable[[], float]) -> None:
        self.name = name
        self.backoff = Backoff()
        self.moves = 0
        self._transport = transport
        self._chain_id = chain_id
        self._clock = clock
        self._batch = BatchSize()
        self._checked_at = float("-inf")
        self._takes_block_hashes = True

    def health(self) -> EndpointHealth:
        """Say how it is."""
        return EndpointHealth(self.name, self.backoff.reason, self.backoff.left(self._clock()))

    def forget(self) -> None:
        """Forget what it was: it may be another node by the time that it comes back."""
        self._checked_at = float("-inf")
        self._takes_block_hashes = True

    async def ask(self, request: Request) -> Reply:
        """Ask one question. Raises EndpointFailure."""
        await self._check_chain(None)
        return await self._transport.ask(request)

    async def ask_many(
        self, requests: Sequence[Request], at: BlockId | None = None, budget: RequestBudget | None = None
    ) -> list[Reply]:
        """Ask many, about a block if one is named. Gives the replies in order. Raises EndpointFailure."""
        if not await self._check_chain(budget):
            return [NOT_ASKED] * len(requests)
        if at is None or not requests:
            return await self._exchange(budget).ask(requests)
        if not self._takes_block_hashes:
            return await self._ask_by_number(requests, at, budget)
        replies = await self._exchange(budget).ask([one.about(at.by_hash()) for one in requests])
        if not self._may_be_the_hash(requests, replies):
            return replies
        replies = await self._ask_by_number(requests, at, budget)
        if not self._may_be_the_hash(requests, replies):
            # Whatever it said about the hash, it answers for the number, or will when there are requests left
            # for that: it needs numbers.
            self._takes_block_hashes = False
        return replies

    async def _check_chain(self, budget: RequestBudget | None) -> bool:
        """Make sure now and then which chain it is on; False if the budget has nothing left for that.

        Raises EndpointFailure.
        """
        if self._clock() < self._checked_at + CHAIN_CHECK_S:
            return True
        if budget is not None and not budget.take():
            return False
        try:
            found = read(_CHAIN_ID, await self._transport.ask(_CHAIN_ID.request))
        except UnusableAnswer as failure:
            # Nothing else that is asked can be the reason for it.
            raise EndpointFailure(str(failure), failure.retry_after_s) from failure
        if found != self._chain_id:
            # Nothing that mends itself in a moment.
            raise EndpointFailure(f"it is on chain {found}, not {self._chain_id}", LONGEST_BACKOFF_S)
        self._checked_at = self._clock()
        return True

    async def _ask_by_number(
        self, requests: Sequence[Request], block: BlockId, budget: RequestBudget | None
    ) -> list[Reply]:
        """Ask about whatever block has the number, and for its header behind that."""
        header = Request("eth_getBlockByNumber", [block.by_number(), False])
        exchange = self._exchange(budget)
        fitting = [one.about(block.by_number()) for one in requests[: self._fitting(budget, len(requests))]]
        *replies, last = await exchange.ask([*fitting, header])
        if exchange.requests > 1 and last is not NOT_ASKED:
            # What was asked again came behind it.
            (last,) = await self._exchange(budget).ask([header])
        if last is NOT_ASKED:
            return [NOT_ASKED] * len(requests)
        if read(Question(header, read_block_id), last) != block:
            raise EndpointFailure(f"it is on another fork: its block {block.number} has another hash")
        return [*replies, *[NOT_ASKED] * (len(requests) - len(replies))]

    def _fitting(self, budget: RequestBudget | None, count: int) -> int:
        """Return how many of these the budget has room for, so that the header is not what is left out."""
        size = self._batch.current(self._clock())
        if budget is None or count < size:
            return count
        return max(0, min(count, (budget.left - 1) * size - 1))

    def _exchange(self, budget: RequestBudget | None) -> BatchedExchange:
        return BatchedExchange(self._transport, self._batch, self._clock, budget)

    def _may_be_the_hash(self, requests: Sequence[Request], replies: Sequence[Reply]) -> bool:
        """Return whether a number may be answered where the hash was not: nodes say that in many ways."""
        return any(
            isinstance(reply, RpcError) and refusal_of(request, reply) in _MAY_BE_THE_HASH
            for request, reply in zip(requests, replies, strict=True)
        )
