"""Reading the logs of a stretch of blocks, of endpoints that give few of them, or lag (spec 07, "A poll").

A range counts only where the same endpoint has, behind it in the same batch, the head that it is read under:
one that lags gives an empty list and no error. All that is read so is of one fork.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import msgspec

from minirelay.chain.block import MOST, Block
from minirelay.chain.chain import Answered, Chain
from minirelay.chain.errors import ChainUnreachable, EndpointFailure, Reverted
from minirelay.chain.findings import FoundLog, LogFilter
from minirelay.chain.head_reading import BEHIND_REST_S, numbered
from minirelay.chain.log_ranges import LogRanges, Range
from minirelay.chain.logs import check_list, logs_request, merged, read_logs
from minirelay.chain.question import NotAsked, Question, Refused
from minirelay.chain.request_budget import RequestBudget
from minirelay.errors import MalformedInput

IDS_AT_ONCE: Final = 500
"""Spec 07: of what may still be wanted in a block that is too large."""

MOST_LOGS: Final = 10_000
"""So many wanted logs are taken of a chain at once; the rest when these are decided."""

_LOGS_PER_TURN: Final = 128

_Read = Block | list[Any] | None
_Outcome = _Read | Reverted | Refused | NotAsked


class Stretch(msgspec.Struct, frozen=True):
    """What to read. first, last: blocks, both included. head: of the fork, not before `last`.

    keep: which logs. ids: see `Watch.ids`. latest: the last second that a block may be of.
    """

    first: int
    last: int
    head: Block
    filters: Sequence[LogFilter]
    keep: Callable[[FoundLog], bool]
    ids: Callable[[LogFilter], Sequence[bytes]]
    latest: int = MOST


class Scanned(msgspec.Struct, frozen=True):
    """What was read. last: everything from the first block up to this one. blocks: on the way, their headers.

    is_moved: the head is not what it was; nothing more can be read under it.
    """

    last: int
    logs: tuple[FoundLog, ...] = ()
    blocks: tuple[Block, ...] = ()
    is_moved: bool = False


class _Step(msgspec.Struct, frozen=True):
    """What one batch brought. is_over: there is no use in going on in this poll."""

    last: int
    logs: Sequence[FoundLog] = ()
    block: Block | None = None
    is_over: bool = False
    is_moved: bool = False


class _Moved(Exception):
    """The head that was read under is not on the chain any more, as far as an endpoint says."""


class LogScanner:
    """Reads the logs of one chain, and remembers how much each endpoint gives at once."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.ranges = LogRanges()

    def reach(self) -> int:
        """Return how many blocks can be asked for in one batch, whichever endpoint it goes to."""
        names = [one.name for one in self._chain.health()]
        return min([self.ranges.blocks(name) * self.ranges.together(name) for name in names], default=0)

    async def scan(self, stretch: Stretch, budget: RequestBudget, endpoint: str) -> Scanned:
        """Read as much as the budget lasts for, the oldest first. endpoint: to ask first.

        Raises ChainUnreachable if there is nothing that any endpoint gave.
        """
        logs: list[FoundLog] = []
        blocks: list[Block] = []
        last = stretch.first - 1
        while last < stretch.last and budget.left > 0 and len(logs) < MOST_LOGS:
            try:
                endpoint, step = await self._step(stretch, last + 1, budget, endpoint)
            except ChainUnreachable:
                if last < stretch.first:
                    raise
                break
            last = step.last
            logs += step.logs
            blocks += [] if step.block is None else [step.block]
            if step.is_over:
                return Scanned(last, tuple(logs), tuple(blocks), step.is_moved)
        return Scanned(last, tuple(logs), tuple(blocks))

    async def _step(
        self, stretch: Stretch, first: int, budget: RequestBudget, preferred: str
    ) -> tuple[str, _Step]:
        """Ask one endpoint after the other for what comes next; gives which answered."""
        names = [one.name for one in self._chain.health()]
        for name in sorted(names, key=lambda one: one != preferred):
            try:
                return name, await self._ask(stretch, first, budget, name)
            except MalformedInput as error:
                reason = f"its answer to eth_getLogs can't be used: {error}"
                self._chain.mark_failed(name, reason, BEHIND_REST_S)
            except EndpointFailure:
                # It is noted already, or rests.
                continue
        raise ChainUnreachable(
            f"no endpoint of chain {self._chain.chain_id} gives the logs from block {first}"
        )

    async def _ask(self, stretch: Stretch, first: int, budget: RequestBudget, name: str) -> _Step:
        """Ask one endpoint for ranges. Raises EndpointFailure, MalformedInput."""
        ranges = self.ranges.split(name, first, stretch.last)
        filters = merged(stretch.filters)
        questions = [_logs_question(one, part) for part in ranges for one in filters]
        try:
            end, *outcomes = await self._ask_under_head(stretch, questions, ranges[-1][1], budget, name)
            step = await self._take(stretch, filters, ranges, outcomes, name)
            if step.last < first and not step.is_over and first == ranges[0][1]:
                step = await self._ask_by_ids(stretch, filters, first, budget, name)
        except _Moved:
            self._chain.mark_moved(name)
            return _Step(first - 1, is_over=True, is_moved=True)
        if step.last == ranges[-1][1] and isinstance(end, Block):
            return msgspec.structs.replace(step, block=end)
        return step

    async def _take(
        self,
        stretch: Stretch,
        filters: Sequence[LogFilter],
        ranges: Sequence[Range],
        outcomes: Sequence[_Outcome],
        name: str,
    ) -> _Step:
        """Take the ranges that were given, up to the first that was not. Raises MalformedInput."""
        logs: list[FoundLog] = []
        last = ranges[0][0] - 1
        for place, part in enumerate(ranges):
            given = outcomes[place * len(filters) : (place + 1) * len(filters)]
            blocks = part[1] - part[0] + 1
            if any(isinstance(one, NotAsked) for one in given):
                self.ranges.cut_short(name, len(ranges))
                return _Step(last, logs, is_over=True)
            if not all(isinstance(one, list) for one in given):
                self.ranges.refuse(name, blocks)
                return _Step(last, logs)
            for one, items in zip(filters, given, strict=True):
                logs += await _read_in_turns(stretch, items, one, part)
            self.ranges.give(name, blocks)
            last = part[1]
        return _Step(last, logs)

    async def _ask_by_ids(
        self,
        stretch: Stretch,
        filters: Sequence[LogFilter],
        number: int,
        budget: RequestBudget,
        name: str,
    ) -> _Step:
        """Ask for one block by what is wanted in it: anybody can fill one with events.

        Raises EndpointFailure, MalformedInput, _Moved.
        """
        part = (number, number)
        asked = [(one, some) for one in filters for some in _chunks(stretch.ids(one))]
        questions = [_logs_question(one, part, some) for one, some in asked]
        _, *outcomes = await self._ask_under_head(stretch, questions, number, budget, name)
        logs: list[FoundLog] = []
        for (one, _), items in zip(asked, outcomes, strict=True):
            if isinstance(items, NotAsked):
                return _Step(number - 1, is_over=True)
            if not isinstance(items, list):
                self._fail(name, f"it does not give the logs of one block, {number}, even by ids: {items}")
            logs += await _read_in_turns(stretch, items, one, part)
        return _Step(number, logs)

    async def _ask_under_head(
        self,
        stretch: Stretch,
        questions: list[Question[_Read]],
        last: int,
        budget: RequestBudget,
        name: str,
    ) -> Sequence[_Outcome]:
        """Ask one endpoint, and believe it only if it had the last block before, and has the head behind.

        One that lags may get the head while it answers. Gives the last block first. Raises EndpointFailure,
        _Moved.
        """
        before = _block_question(last, stretch.latest)
        behind = _block_question(stretch.head.number, stretch.latest)
        answered: Answered[_Read] = await self._chain.ask_one([before, *questions, behind], budget, of=name)
        *outcomes, head = answered.outcomes
        if isinstance(head, NotAsked):
            return [head] * len(outcomes)
        if not isinstance(head, Block) or outcomes[0] is None:
            self._fail(name, f"it is behind: it does not have block {stretch.head.number}")
        if head.hash != stretch.head.hash:
            raise _Moved
        return outcomes

    def _fail(self, name: str, reason: str) -> NoReturn:
        self._chain.mark_failed(name, reason, BEHIND_REST_S)
        raise EndpointFailure(reason)


def _logs_question(log_filter: LogFilter, part: Range, ids: Sequence[bytes] = ()) -> Question[_Read]:
    return Question(logs_request(log_filter, *part, ids), check_list)


def _block_question(number: int, latest: int) -> Question[_Read]:
    question = numbered(number, latest)
    return Question(question.request, question.read)


def _chunks(ids: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]


async def _read_in_turns(
    stretch: Stretch, items: object, log_filter: LogFilter, part: Range
) -> list[FoundLog]:
    """Read logs, some in each turn of the loop: there may be very many. Raises MalformedInput."""
    kept: list[FoundLog] = []
    for count, log in enumerate(read_logs(check_list(items), log_filter, *part)):
        if count % _LOGS_PER_TURN == _LOGS_PER_TURN - 1:
            await asyncio.sleep(0)
        if log.block.number == stretch.head.number and log.block.hash != stretch.head.hash:
            raise MalformedInput("logs of another block than the head")
        if stretch.keep(log):
            kept.append(log)
    return kept
