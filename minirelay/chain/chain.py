"""One chain: its endpoints in order of preference, asked until one answers (spec 07, "Endpoints fail")."""

import logging
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from minirelay.chain import asking
from minirelay.chain.batch_size import MAX_BATCH
from minirelay.chain.endpoint_state import EndpointHealth, EndpointState
from minirelay.chain.errors import AnswerTooLong, ChainUnreachable, ContractFault, EndpointFailure, Reverted
from minirelay.chain.question import NotAsked, Question, Refused
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.transport import Transport
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, read_data, read_quantity, write_data
from minirelay.protocol.refusals import Refusal

T = TypeVar("T")

log = logging.getLogger(__name__)

_random = secrets.SystemRandom().random

MAX_QUESTIONS: Final = MAX_BATCH - 1
"""How many `request_many` takes: where a block's hash can't be named, its header is asked for with them."""

MOST_MOVES: Final = 4
"""An endpoint rests, where there is another, whose head was another one so often when it was asked again."""

MOVED_REST_S: Final = 15.0

HANDLED: Final = frozenset({Refusal.RANGE_TOO_LARGE})
"""The refusals that are for whoever asks one endpoint, unless others are named."""


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """What one endpoint answered. outcomes: in the order of the questions."""

    endpoint: str
    outcomes: Sequence[T | Reverted | Refused | NotAsked]


class Chain:
    """One chain, as long as one of its endpoints works."""

    def __init__(
        self,
        chain_id: int,
        endpoints: Sequence[Transport],
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = _random,
    ) -> None:
        """endpoints: in order of preference. clock: in seconds. jitter: between 0 and 1."""
        self.chain_id = chain_id
        self._endpoints = [
            EndpointState(endpoint, name, chain_id, clock)
            for endpoint, name in zip(endpoints, _distinct([one.name for one in endpoints]), strict=True)
        ]
        self._clock = clock
        self._jitter = jitter

    # -- whichever endpoint answers

    async def request(
        self, method: str, params: Sequence[object], read: Callable[[object], T], *, data_bytes: int = 0
    ) -> T:
        """Ask until an endpoint gives an answer that can be read.

        read: see `Question`. data_bytes: the most that a call may return. Raises Reverted; NodeRefused,
        only for methods that may be refused; ChainUnreachable.
        """
        question = Question(Request(method, params, data_bytes), read)
        return await self._ask_in_turn(lambda state: asking.ask(state, question))

    async def request_many(
        self, questions: Sequence[Question[T]], at: BlockId | None = None
    ) -> list[T | Reverted]:
        """Ask up to MAX_QUESTIONS, all of one endpoint. Gives results and reverts in their order.

        at: the block that they are about, which each gets as its last parameter. It is named by its hash; an
        endpoint that does not take that is asked by number, and for the header of that number behind them.
        Raises NodeRefused, ChainUnreachable.
        """
        if len(questions) > MAX_QUESTIONS:
            raise RuntimeError(f"{len(questions)} questions at once; at most {MAX_QUESTIONS}")
        if not questions:
            return []
        return await self._ask_in_turn(lambda state: asking.ask_many(state, questions, at))

    async def request_unless_long(
        self,
        questions: Sequence[Question[T]],
        budget: RequestBudget | None = None,
        *,
        without: Collection[str] = (),
    ) -> list[T | AnswerTooLong]:
        """Ask for what strangers can make longer than any bound: transactions, receipts.

        Gives AnswerTooLong where an answer is so, or may be: of several, ask again for each alone. That is
        no failure of the endpoint. without: none of these endpoints. Raises NodeRefused, ChainUnreachable;
        BudgetSpent if it is not enough.
        """
        return await self._ask_in_turn(
            lambda state: asking.ask_unless_long(state, questions, budget), without
        )

    async def ask_about(
        self, questions: Sequence[Question[T]], control: Question[object]
    ) -> list[T | Reverted | ContractFault]:
        """Call contracts that strangers chose, all of one endpoint: their failures are not the endpoint's.

        control: a call of the same kind that does not depend on them. Where it has an answer, whatever is
        wrong with the others is the contracts' own fault. Gives results, reverts and faults in the order of
        the questions. Raises ChainUnreachable.
        """
        return await self._ask_in_turn(lambda state: asking.ask_about(state, questions, control))

    async def call(
        self,
        to: bytes,
        data: bytes,
        read: Callable[[bytes], T],
        *,
        data_bytes: int = WORD_BYTES,
        at: BlockId | None = None,
    ) -> T:
        """Call a contract (20-byte address, call data) on a block, the latest if none is named.

        Raises like `request`.
        """
        call = {"to": write_data(to), "data": write_data(data)}

        def read_result(result: object) -> T:
            return read(read_data(result))

        if at is None:
            return await self.request("eth_call", [call, "latest"], read_result, data_bytes=data_bytes)
        question = Question(Request("eth_call", [call], data_bytes), read_result)
        (outcome,) = await self.request_many([question], at)
        if isinstance(outcome, Reverted):
            raise outcome
        return outcome

    async def quantity(self, method: str, *params: object) -> int:
        """Ask for an integer. Raises like `request`."""
        return await self.request(method, params, read_quantity)

    # -- one endpoint, and which it is

    async def ask_one(
        self,
        questions: Sequence[Question[T]],
        budget: RequestBudget,
        *,
        at: BlockId | None = None,
        of: str | None = None,
        without: Collection[str] = (),
        handled: Collection[Refusal] = HANDLED,
    ) -> Answered[T]:
        """Ask one endpoint, in as many requests as its batches need and the budget has.

        at: see `request_many`. of: only this endpoint, by its name. without: none of these. handled: refusals
        that are outcomes; all others are failures of the endpoint. Raises ChainUnreachable; with `of`
        EndpointFailure.
        """

        async def ask(state: EndpointState) -> Answered[T]:
            outcomes = await asking.ask_outcomes(state, questions, budget, at, handled)
            return Answered(state.name, outcomes)

        if of is None:
            return await self._ask_in_turn(ask, without)
        state = self._named(of)
        if state.backoff.left(self._clock()):
            raise EndpointFailure(f"it rests: {state.backoff.reason}")
        return await self._ask_endpoint(state, ask)

    def mark_failed(self, name: str, reason: str, rest_s: float | None = None) -> None:
        """Let an endpoint rest that answers, but wrong: it is behind, goes back, is on another fork, lies.

        rest_s: for that long at least.
        """
        self._back_off(self._named(name), EndpointFailure(reason, rest_s), self._clock(), answers=True)

    def mark_moved(self, name: str) -> None:
        """Take note that an endpoint had another head when it was asked again.

        Forks do that, and nodes behind one URL; but nothing can be read as long as it goes on.
        """
        state = self._named(name)
        state.moves += 1
        if state.moves >= MOST_MOVES and len(self._endpoints) > 1:
            self.mark_failed(name, "its head is another one each time that it is asked", MOVED_REST_S)

    def mark_steady(self, name: str) -> None:
        """Take note that all was read under an endpoint's head."""
        self._named(name).moves = 0

    def health(self) -> tuple[EndpointHealth, ...]:
        """Say of each endpoint, in order of preference, how it is."""
        return tuple(one.health() for one in self._endpoints)

    # -- in turn

    async def _ask_in_turn(
        self, ask: Callable[[EndpointState], Awaitable[T]], without: Collection[str] = ()
    ) -> T:
        for state in self._endpoints:
            if state.name in without or state.backoff.left(self._clock()):
                continue
            try:
                return await self._ask_endpoint(state, ask)
            except EndpointFailure:
                continue
        raise ChainUnreachable(self._message(without))

    async def _ask_endpoint(self, state: EndpointState, ask: Callable[[EndpointState], Awaitable[T]]) -> T:
        """Ask one endpoint, and take note of how it went."""
        asked_at = self._clock()
        try:
            answer = await ask(state)
        except EndpointFailure as failure:
            self._back_off(state, failure, asked_at)
            raise
        self._mark_healthy(state)
        return answer

    def _named(self, name: str) -> EndpointState:
        for state in self._endpoints:
            if state.name == name:
                return state
        raise LookupError(f"chain {self.chain_id} has no endpoint {name}")

    def _back_off(
        self, state: EndpointState, failure: EndpointFailure, asked_at: float, *, answers: bool = False
    ) -> None:
        now = self._clock()
        state.backoff.begin(now, failure, asked_at, self._jitter(), answers=answers)
        state.forget()
        log.warning(
            "a chain endpoint failed",
            extra={
                "chain": self.chain_id,
                "endpoint": state.name,
                "reason": str(failure),
                "rest_s": round(state.backoff.left(now), 1),
            },
        )

    def _mark_healthy(self, state: EndpointState) -> None:
        failed = state.backoff.reason
        state.backoff.end(self._clock())
        if failed and not state.backoff.reason:
            log.info("a chain endpoint works again", extra={"chain": self.chain_id, "endpoint": state.name})

    def _message(self, without: Collection[str]) -> str:
        if not self._endpoints:
            return f"chain {self.chain_id} has no endpoint; set chains.{self.chain_id}.rpc_urls"
        reasons = "; ".join(
            f"{one.name}: {one.backoff.reason or 'failed just now'}"
            for one in self._endpoints
            if one.name not in without
        )
        which = "other endpoint" if without else "endpoint"
        return (
            f"no {which} of chain {self.chain_id} can be used: {reasons or 'there is none'}; "
            f"see chains.{self.chain_id}.rpc_urls"
        )


def _distinct(names: Sequence[str]) -> list[str]:
    """Number the names that several endpoints have: two keys at one provider."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return distinct
