"""Reading balances at one block: many in a call where there is Multicall3, else many in a batch (spec 07).

Tokens are strangers' contracts. Whatever is wrong with one of them is that token's fault, as long as the same
endpoint answers for the chain's own coin.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from minirelay.chain.balance_chunks import SMALLER, Chunk, ChunkSizes, Pair
from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable, EndpointFailure, Reverted
from minirelay.chain.question import NotAsked, Question, Refused
from minirelay.chain.request_budget import RequestBudget
from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, read_data, read_quantity, write_data
from minirelay.protocol.multicall import (
    GAS_PER_CALL,
    balance_call,
    decode_amounts,
    encode_aggregate,
    gas_for,
    most_bytes,
)
from minirelay.protocol.refusals import Refusal

MOST_ALONE: Final = 100
MOST_ALONE_OF_A_TOKEN: Final = 10
"""So many balances are asked for alone in one reading, after they failed together."""

MOST_CUTS: Final = 4
"""From 500 to one."""

CODE_CHECK_S: Final = 3600.0
"""Where there was no Multicall3, somebody may deploy it."""

_MOST_CODE: Final = 24_576
_HANDLED: Final = frozenset(
    {Refusal.RANGE_TOO_LARGE, Refusal.OUT_OF_GAS, Refusal.CALL_FAILED, Refusal.UNKNOWN}
)


@dataclass(frozen=True, slots=True)
class Unread:
    """A contract answered with what is no balance."""

    words: str


_Amounts = list[int | None] | Unread | Reverted | Refused | NotAsked
_Amount = int | Unread | Reverted | Refused | NotAsked


@dataclass
class BalancesRead:
    """What one endpoint said of one block. endpoint: its name.

    amounts: by token and holder. faults: what is wrong with tokens, in words; there may be amounts of
    such a token all the same. Whatever is in neither was not reached.
    """

    endpoint: str
    amounts: dict[Pair, int] = field(default_factory=dict)
    faults: dict[bytes, str] = field(default_factory=dict)


class BalanceReader:
    """Reads balances on one chain, and remembers how many at once each endpoint gives of each token."""

    def __init__(
        self, chain: Chain, multicall: bytes | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """multicall: address of Multicall3; None: not to be used. clock: in seconds."""
        self._chain = chain
        self._multicall = multicall
        self._clock = clock
        self._sizes = ChunkSizes()
        self._has_multicall = False
        self._checked_at = float("-inf")

    async def read(
        self, pairs: Sequence[Pair], at: BlockId, budget: RequestBudget, *, of: str | None = None
    ) -> BalancesRead:
        """Read as many as the budget lasts for, the first first. of: the endpoint to ask first.

        Raises ChainUnreachable.
        """
        pairs = list(dict.fromkeys(pairs))
        names = [one.name for one in self._chain.health()]
        for name in sorted(names, key=lambda one: one != of):
            try:
                return await self._read_of(name, pairs, at, budget)
            except EndpointFailure:
                # It is noted already, or rests.
                continue
        raise ChainUnreachable(
            f"no endpoint of chain {self._chain.chain_id} gives balances at block {at.number}"
        )

    async def _read_of(
        self, name: str, pairs: Sequence[Pair], at: BlockId, budget: RequestBudget
    ) -> BalancesRead:
        found = BalancesRead(name)
        if not pairs:
            return found
        if self._multicall is None or not await self._is_there(self._multicall, name, budget):
            await self._read_alone(found, pairs, at, budget)
            return found
        failed = await self._read_together(found, self._multicall, pairs, at, budget)
        if failed:
            await self._read_alone(found, _some(failed), at, budget)
        return found

    async def _is_there(self, multicall: bytes, name: str, budget: RequestBudget) -> bool:
        """Return whether there is code at the address; what was seen once is not looked for again."""
        if not self._has_multicall and self._clock() >= self._checked_at + CODE_CHECK_S:
            request = Request("eth_getCode", [write_data(multicall), "latest"], _MOST_CODE)
            answered = await self._chain.ask_one([Question(request, read_data)], budget, of=name)
            (code,) = answered.outcomes
            if isinstance(code, bytes):
                self._has_multicall, self._checked_at = bool(code), self._clock()
        return self._has_multicall

    # -- many in a call

    async def _read_together(
        self,
        found: BalancesRead,
        multicall: bytes,
        pairs: Sequence[Pair],
        at: BlockId,
        budget: RequestBudget,
    ) -> list[Pair]:
        """Read in chunks, smaller ones where they fail. Gives what has to be asked for alone."""
        chunks, failed = self._sizes.chunks(found.endpoint, pairs), list[Pair]()
        for _ in range(MOST_CUTS + 1):
            again: list[Chunk] = []
            for chunk, amounts in await self._ask_chunks(found.endpoint, multicall, chunks, at, budget):
                if isinstance(amounts, list):
                    self._sizes.give(found.endpoint, chunk)
                    failed += _take(found, chunk, amounts)
                elif len(chunk.holders) == 1:
                    failed.append((chunk.token, chunk.holders[0]))
                elif not isinstance(amounts, NotAsked):
                    self._sizes.refuse(found.endpoint, chunk)
                    again += self._sizes.cut(found.endpoint, chunk)
            chunks = _first_of_each(again)
            if not chunks:
                break
        return failed

    async def _ask_chunks(
        self, name: str, multicall: bytes, chunks: Sequence[Chunk], at: BlockId, budget: RequestBudget
    ) -> Iterable[tuple[Chunk, _Amounts]]:
        """Ask about chunks, and first for a balance that depends on no token. Raises EndpointFailure."""
        control = Chunk(NATIVE_COIN, [multicall])
        questions = [_aggregate(multicall, chunk) for chunk in (control, *chunks)]
        answered = await self._chain.ask_one(questions, budget, at=at, of=name, handled=_HANDLED)
        first, *outcomes = answered.outcomes
        self._check(name, first, isinstance(first, list) and first[0] is not None)
        return zip(chunks, outcomes, strict=True)

    # -- each alone

    async def _read_alone(
        self, found: BalancesRead, pairs: Sequence[Pair], at: BlockId, budget: RequestBudget
    ) -> None:
        control = (NATIVE_COIN, self._multicall or bytes(NATIVE_COIN))
        questions = [_balance(token, holder) for token, holder in (control, *pairs)]
        answered = await self._chain.ask_one(questions, budget, at=at, of=found.endpoint, handled=_HANDLED)
        first, *outcomes = answered.outcomes
        self._check(found.endpoint, first, isinstance(first, int))
        for (token, holder), outcome in zip(pairs, outcomes, strict=True):
            if isinstance(outcome, int):
                found.amounts[token, holder] = outcome
            elif token == NATIVE_COIN:
                self._check(found.endpoint, outcome, False)
            elif not isinstance(outcome, NotAsked):
                found.faults[token] = _words(outcome)

    def _check(self, name: str, outcome: object, is_answer: bool) -> None:
        """Raise EndpointFailure unless an endpoint has an answer that depends on no token."""
        if is_answer or isinstance(outcome, NotAsked):
            return
        reason = f"it gives no balances of the chain's own coin: {_words(outcome)}"
        self._chain.mark_failed(name, reason)
        raise EndpointFailure(reason)


def _first_of_each(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Choose what to ask again at once: of a token that fails in every size not more and more."""
    counts: dict[bytes, int] = {}
    chosen = []
    for chunk in chunks:
        counts[chunk.token] = counts.get(chunk.token, 0) + 1
        if chunk.token == NATIVE_COIN or counts[chunk.token] <= SMALLER:
            chosen.append(chunk)
    return chosen


def _some(failed: Sequence[Pair]) -> list[Pair]:
    """Choose what to ask for alone: the chain's coin first, few of each token."""
    counts: dict[bytes, int] = {}
    chosen = []
    for token, holder in sorted(failed, key=lambda pair: pair[0] != NATIVE_COIN):
        counts[token] = counts.get(token, 0) + 1
        if token == NATIVE_COIN or counts[token] <= MOST_ALONE_OF_A_TOKEN:
            chosen.append((token, holder))
    return chosen[:MOST_ALONE]


def _take(found: BalancesRead, chunk: Chunk, amounts: Sequence[int | None]) -> list[Pair]:
    """Take what a chunk gives. Gives what it has no balance of: that is never 0."""
    failed = []
    for holder, amount in zip(chunk.holders, amounts, strict=True):
        if amount is None:
            failed.append((chunk.token, holder))
        else:
            found.amounts[chunk.token, holder] = amount
    return failed


def _aggregate(multicall: bytes, chunk: Chunk) -> Question[list[int | None] | Unread]:
    count = len(chunk.holders)
    calls = [balance_call(chunk.token, holder, multicall) for holder in chunk.holders]
    call = {
        "to": write_data(multicall),
        "data": write_data(encode_aggregate(calls)),
        "gas": hex(gas_for(count)),
    }

    def read(result: object) -> list[int | None] | Unread:
        try:
            return decode_amounts(read_data(result), count)
        except MalformedInput as error:
            return Unread(f"its answer can't be used: {error}")

    return Question(Request("eth_call", [call], most_bytes(count)), read)


def _balance(token: bytes, holder: bytes) -> Question[int | Unread]:
    if token == NATIVE_COIN:
        return Question(Request("eth_getBalance", [write_data(holder)]), read_quantity)
    target, data = balance_call(token, holder, token)
    call = {"to": write_data(target), "data": write_data(data), "gas": hex(GAS_PER_CALL)}
    return Question(Request("eth_call", [call], WORD_BYTES), _read_word)


def _read_word(result: object) -> int | Unread:
    try:
        data = read_data(result)
    except MalformedInput as error:
        return Unread(f"its answer can't be used: {error}")
    if len(data) != WORD_BYTES:
        return Unread(f"its balance has {len(data)} bytes")
    return int.from_bytes(data)


def _words(outcome: object) -> str:
    if isinstance(outcome, Unread | Refused):
        return outcome.words
    return f"reverted: {outcome}" if isinstance(outcome, Reverted) else "no balance"
