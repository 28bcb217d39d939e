"""One chain: its endpoints in order of preference, asked until one answers (spec 07, "Endpoints fail")."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import aiohttp

from minirelay.chain.backoff import LONGEST_BACKOFF_S, Backoff
from minirelay.chain.endpoint import MAX_BATCH, TIMEOUT_S, Endpoint
from minirelay.chain.errors import (
    ChainUnreachable,
    ContractFault,
    EndpointFailure,
    NodeRefused,
    Reverted,
    UnusableAnswer,
)
from minirelay.config.values import EndpointUrl
from minirelay.errors import MalformedInput
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.block_id import BlockId, read_block_id
from minirelay.protocol.json_rpc import (
    Answer,
    Request,
    Result,
    RpcError,
    read_data,
    read_quantity,
    write_data,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

_random = secrets.SystemRandom().random

_MAY_BE_REFUSED: Final = {
    "eth_sendRawTransaction",
    "eth_estimateGas",
    "eth_maxPriorityFeePerGas",
    "eth_getLogs",
}
"""Methods whose errors are for the caller; of all others they mean that the endpoint doesn't work."""

_RUN_CONTRACTS: Final = {"eth_call", "eth_estimateGas", "eth_sendRawTransaction"}
"""Methods that a contract can revert; where others are said to have reverted, the endpoint doesn't work."""

_TOO_MANY_REQUESTS: Final = (-32005, 429)

MAX_QUESTIONS: Final = MAX_BATCH - 1
"""How many `request_many` takes: where a block's hash can't be named, its header is asked for with them."""


class _EndpointState:
    """An endpoint's state in the order."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.backoff = Backoff()
        self.is_on_chain = False
        self.takes_block_hashes = True


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A request, and how its result is read.

    read: raises MalformedInput for a result of the wrong type or size, which counts as a failure of the
    endpoint.
    """

    request: Request
    read: Callable[[object], T]


class Chain:
    """One chain, as long as one of its endpoints works."""

    def __init__(
        self,
        chain_id: int,
        urls: Sequence[EndpointUrl],
        http: aiohttp.ClientSession,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = _random,
    ) -> None:
        """http: stays open as long as this is used. clock: in seconds. jitter: between 0 and 1."""
        self.chain_id = chain_id
        self._endpoints = [_EndpointState(Endpoint(http, url, timeout_s=timeout_s)) for url in urls]
        self._clock = clock
        self._jitter = jitter

    async def request(
        self, method: str, params: Sequence[object], read: Callable[[object], T], *, data_bytes: int = 0
    ) -> T:
        """Ask until an endpoint gives an answer that `read` can use.

        read: see `Question`. data_bytes: the most that a call may return. Raises Reverted; NodeRefused, only
        for methods that may be refused; ChainUnreachable.
        """
        question = Question(Request(method, params, data_bytes), read)
        return await self._ask_in_turn(lambda state: self._ask(state, question))

    async def request_many(
        self, questions: Sequence[Question[T]], at: BlockId | None = None
    ) -> list[T | Reverted]:
        """Ask up to MAX_QUESTIONS together, all of one endpoint. Gives results and reverts in their order.

        at: the block that they are about, which each gets as its last parameter. It is named by its hash; an
        endpoint that does not take that is asked by number, and for the header of that number behind them.
        Raises NodeRefused, ChainUnreachable.
        """
        if len(questions) > MAX_QUESTIONS:
            raise RuntimeError(f"{len(questions)} questions at once; at most {MAX_QUESTIONS}")
        if not questions:
            return []
        if at is None:
            return await self._ask_in_turn(lambda state: self._ask_many(state, questions))
        return await self._ask_in_turn(lambda state: self._ask_many_at(state, questions, at))

    async def ask_about(
        self, questions: Sequence[Question[T]], control: Question[object]
    ) -> list[T | Reverted | ContractFault]:
        """Call contracts that strangers chose, all of one endpoint: their failures are not the endpoint's.

        control: a call of the same kind that does not depend on them. Where it has an answer, whatever is
        wrong with the others is the contracts' own fault. Gives results, reverts and faults in the order of
        the questions. Raises ChainUnreachable.
        """
        return await self._ask_in_turn(lambda state: self._ask_about(state, questions, control))

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

    async def _ask_in_turn(self, ask: Callable[[_EndpointState], Awaitable[T]]) -> T:
        for state in self._endpoints:
            if state.backoff.left(self._clock()):
                continue
            asked_at = self._clock()
            try:
                if not state.is_on_chain:
                    await self._check_chain(state)
                answer = await ask(state)
            except EndpointFailure as failure:
                self._back_off(state, failure, asked_at)
            else:
                self._mark_healthy(state)
                return answer
        raise ChainUnreachable(self._message())

    async def _ask(self, state: _EndpointState, question: Question[T]) -> T:
        return _read(question, await state.endpoint.ask(question.request))

    async def _ask_many(self, state: _EndpointState, questions: Sequence[Question[T]]) -> list[T | Reverted]:
        answers = await state.endpoint.ask_many([question.request for question in questions])
        return _read_all(questions, answers)

    async def _ask_about(
        self, state: _EndpointState, questions: Sequence[Question[T]], control: Question[object]
    ) -> list[T | Reverted | ContractFault]:
        requests = [*(question.request for question in questions), control.request]
        try:
            *answers, last = await state.endpoint.ask_many(requests)
        except UnusableAnswer as failure:
            await self._ask_control(state, control)
            return [ContractFault(str(failure)) for _ in questions]
        _read_control(control, last)
        outcomes: list[T | Reverted | ContractFault] = []
        for question, answer in zip(questions, answers, strict=True):
            outcome = _read_about(question, answer)
            outcomes.append(outcome)
        return outcomes

    async def _ask_control(self, state: _EndpointState, control: Question[object]) -> None:
        _read_control(control, await state.endpoint.ask(control.request))

    async def _ask_many_at(
        self, state: _EndpointState, questions: Sequence[Question[T]], block: BlockId
    ) -> list[T | Reverted]:
        if state.takes_block_hashes:
            requests = [question.request.about(block.by_hash()) for question in questions]
            answers = await state.endpoint.ask_many(requests)
            if not any(map(_may_be_the_hash, answers)):
                return _read_all(questions, answers)
        requests = [question.request.about(block.by_number()) for question in questions]
        header = Request("eth_getBlockByNumber", [block.by_number(), False])
        *answers, last = await state.endpoint.ask_many([*requests, header])
        found = _read(Question(header, read_block_id), last)
        if found != block:
            raise EndpointFailure(f"it is on another fork: its block {block.number} has another hash")
        outcomes = _read_all(questions, answers)
        # Whatever it said about the hash, it has the block and answers for it: this endpoint needs numbers.
        state.takes_block_hashes = False
        return outcomes

    async def _check_chain(self, state: _EndpointState) -> None:
        found = await self._ask(state, Question(Request("eth_chainId"), read_quantity))
        if found != self.chain_id:
            # Nothing that mends itself in a moment.
            raise EndpointFailure(f"it is on chain {found}, not {self.chain_id}", LONGEST_BACKOFF_S)
        state.is_on_chain = True

    def _back_off(self, state: _EndpointState, failure: EndpointFailure, asked_at: float) -> None:
        now = self._clock()
        state.backoff.begin(now, failure, asked_at, self._jitter())
        # What it was may be another node by the time that it comes back.
        state.is_on_chain = False
        state.takes_block_hashes = True
        log.warning(
            "a chain endpoint failed",
            extra={
                "chain": self.chain_id,
                "endpoint": state.endpoint.name,
                "reason": str(failure),
                "rest_s": round(state.backoff.left(now), 1),
            },
        )

    def _mark_healthy(self, state: _EndpointState) -> None:
        if state.backoff.reason:
            extra = {"chain": self.chain_id, "endpoint": state.endpoint.name}
            log.info("a chain endpoint works again", extra=extra)
            state.backoff.end()

    def _message(self) -> str:
        if not self._endpoints:
            return f"chain {self.chain_id} has no endpoint; set chains.{self.chain_id}.rpc_urls"
        reasons = "; ".join(
            f"{p.endpoint.name}: {p.backoff.reason or 'failed just now'}" for p in self._endpoints
        )
        return f"no endpoint of chain {self.chain_id} can be used: {reasons}"


def _read(question: Question[T], answer: Answer | None) -> T:
    """Read one answer. Raises Reverted, NodeRefused, EndpointFailure."""
    method = question.request.method
    if answer is None:
        raise EndpointFailure(f"it leaves {method} unanswered")
    if isinstance(answer, Result):
        try:
            return question.read(answer.value)
        except MalformedInput as error:
            raise EndpointFailure(f"its answer to {method} can't be used: {error}") from error
    if answer.is_revert and method in _RUN_CONTRACTS:
        # Whatever the contract says (its data) is for people only, and no wider than a line.
        raise Reverted(answer.message)
    if method in _MAY_BE_REFUSED and not _is_rate_limit(answer, method):
        raise NodeRefused(answer)
    raise EndpointFailure(f"it refuses {method}: {answer.message} (code {answer.code})")


def _read_all(questions: Sequence[Question[T]], answers: Sequence[Answer | None]) -> list[T | Reverted]:
    outcomes: list[T | Reverted] = []
    for question, answer in zip(questions, answers, strict=True):
        try:
            outcomes.append(_read(question, answer))
        except Reverted as reverted:
            outcomes.append(reverted)
    return outcomes


def _read_about(question: Question[T], answer: Answer | None) -> T | Reverted | ContractFault:
    """Read what an endpoint that works answered about a contract. Raises EndpointFailure."""
    if answer is None:
        raise EndpointFailure(f"it leaves {question.request.method} unanswered")
    if isinstance(answer, RpcError):
        if answer.code in _TOO_MANY_REQUESTS:
            raise EndpointFailure(f"it refuses {question.request.method}: {answer.message}")
        words = f"{answer.message} (code {answer.code})"
        return Reverted(answer.message) if answer.is_revert else ContractFault(words)
    try:
        return question.read(answer.value)
    except MalformedInput as error:
        return ContractFault(str(error))


def _read_control(control: Question[object], answer: Answer | None) -> None:
    """Raise EndpointFailure unless the control has an answer."""
    try:
        _read(control, answer)
    except Reverted as reverted:
        raise EndpointFailure(f"a call that can't revert reverted: {reverted}") from reverted


def _may_be_the_hash(answer: Answer | None) -> bool:
    """Return whether a block's number may be answered where its hash was not: nodes say that in many ways."""
    return isinstance(answer, RpcError) and not answer.is_revert and answer.code not in _TOO_MANY_REQUESTS


def _is_rate_limit(error: RpcError, method: str) -> bool:
    # With eth_getLogs the same code means that the range is too large: that is for whoever asked.
    return error.code in _TOO_MANY_REQUESTS and method != "eth_getLogs"
