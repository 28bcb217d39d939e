"""One poll of a chain: head, logs, balances, and all that was made of them in one transaction (spec 07)."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import Enum, auto
from typing import Final, Generic, TypeVar

import msgspec

from minirelay.chain.balance_chunks import Pair
from minirelay.chain.balances import BalanceReader
from minirelay.chain.block import Block
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths
from minirelay.chain.counted_reader import CountedReader
from minirelay.chain.errors import BudgetSpent, EndpointFailure
from minirelay.chain.findings import FoundBalance, Marks, Watch
from minirelay.chain.head_history import HeadHistory
from minirelay.chain.head_reading import read_ancestors
from minirelay.chain.head_tracking import HeadStep, HeadTracker
from minirelay.chain.log_reading import FOR_WATCHES, LogReader, first_read_again
from minirelay.chain.progress import Memory, Progress
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.transaction_counts import with_counts
from minirelay.chain.watched import Watched
from minirelay.errors import ChainError

RowT = TypeVar("RowT")

log = logging.getLogger(__name__)

FOR_LOGS: Final = 2
"""Requests of a poll that balances leave to the logs."""

LEAST_REQUESTS: Final = FOR_WATCHES + FOR_LOGS + 3
MARGIN_BLOCKS: Final = 128
CONFIRMED_AT_ONCE: Final = 90


class Start(msgspec.Struct, frozen=True):
    """Where reading begins on a chain that was never read. block: None for so many blocks before the head."""

    block: int | None = None
    margin: int = MARGIN_BLOCKS


class Turn(Enum):
    """Whose turn a poll is.

    Where an endpoint takes no batches, the requests of one poll are too few for balances and logs: once
    something was stuck, each of the two gets a poll of its own.
    """

    ALL = auto()
    LOGS = auto()
    BALANCES = auto()

    def next(self, *, are_logs_stuck: bool, are_balances_stuck: bool) -> "Turn":
        """Return whose turn is next. stuck: too few requests were left to get on with them."""
        if self is Turn.LOGS:
            return Turn.BALANCES
        if self is Turn.ALL and are_logs_stuck:
            return Turn.LOGS
        return Turn.BALANCES if self is Turn.ALL and are_balances_stuck else Turn.ALL


class Poll(msgspec.Struct, frozen=True):
    """What a poll came to. is_behind: there is more to read at once."""

    marks: Marks
    is_behind: bool


class Poller(Generic[RowT]):
    """Polls one chain, for all that watch it."""

    def __init__(
        self,
        chain: Chain,
        watches: Sequence[Watch[RowT]],
        memory: Memory[RowT],
        balances: BalanceReader,
        depths: Depths,
        now: Callable[[], datetime],
        *,
        start: Start | None = None,
        requests: int = 10,
        clock: Callable[[], float] = time.monotonic,
        on_head: Callable[[Block], None] = lambda _head: None,
    ) -> None:
        """now: the relay's clock. requests: the most of a poll. on_head: gets each head, once it is read."""
        self._chain = chain
        self._watched = [Watched(chain.chain_id, watch) for watch in watches]
        self._memory = memory
        self._balances = balances
        self._depths = depths
        self._now = now
        self._start = start or Start()
        self._requests = max(requests, LEAST_REQUESTS)
        self._clock = clock
        self._on_head = on_head
        self._heads = HeadTracker(chain, depths, now, clock)
        self._logs = LogReader(chain, self._watched, clock)
        self._stored: Progress | None = None
        self._progress: Progress | None = None
        self._is_loaded = False
        self._looked_at: bytes | None = None
        self._looked: set[Pair] = set()
        self._for_counts = 0
        self._turn = Turn.ALL

    @property
    def is_needed(self) -> bool:
        """Return whether anything is open."""
        return any(one.watch.is_needed() for one in self._watched)

    async def poll(self) -> Poll:
        """Poll once. Raises MinirelayError; then nothing of it counts, and the next poll does it again."""
        await self._load()
        budget = RequestBudget(self._requests)
        before = self._progress
        for one in self._watched:
            one.begin_poll(-1 if before is None else before.scanned)
        history = HeadHistory() if before is None else before.history
        numbers = sorted({number for one in self._watched for number in one.kept.numbers()})
        step = await self._heads.read(history, numbers, budget)
        self._on_head(step.head)
        for one in self._watched:
            one.kept.confirm(step.numbered)
        progress = await self._place(before, step, budget)
        deep = self._depths.deep_number(step.head.number, step.tagged)
        is_counted = self._turn is Turn.LOGS or await self._read_balances(step, deep, budget)
        is_new, scanned = step.head.hash != self._looked_at, progress.scanned
        for_watches = FOR_WATCHES if self._turn is Turn.ALL else 1
        progress = await self._logs.read(progress, step, budget, for_watches, is_new=is_new)
        are_logs_stuck = progress.scanned == scanned < step.head.number
        self._turn = self._turn.next(are_logs_stuck=are_logs_stuck, are_balances_stuck=not is_counted)
        return await self._finish(await self._advance(progress, step, budget), step, budget)

    # -- where it stands

    async def _load(self) -> None:
        if self._is_loaded:
            return
        self._stored = await self._memory.load(self._chain.chain_id)
        if self._stored is not None:
            # What was found since, and was not deep, is in no memory: it is read again.
            self._progress = msgspec.structs.replace(self._stored, scanned=self._stored.deep)
        self._is_loaded = True

    async def _place(self, progress: Progress | None, step: HeadStep, budget: RequestBudget) -> Progress:
        """Put the head into the history: at its end, or after a reorganisation, or as the first."""
        if progress is None:
            return await self._begin(step, budget)
        if step.common is not None:
            log.info(
                "a chain was reorganised",
                extra={"chain": self._chain.chain_id, "head": step.head.number, "common": step.common},
            )
            # What was seen above is forgotten now: should this poll fail, the next one reads it again.
            read_to = max(progress.deep, min(progress.scanned, step.common))
            self._progress = msgspec.structs.replace(progress, scanned=read_to)
            progress = progress.back_to(step.common)
            for one in self._watched:
                one.forget_above(step.common)
        return msgspec.structs.replace(progress, history=progress.history.add(step.head))

    async def _begin(self, step: HeadStep, budget: RequestBudget) -> Progress:
        head = step.head
        if self._start.block is None:
            number = max(0, head.number - self._start.margin)
        else:
            number = min(head.number, max(0, self._start.block - 1))
        found = await read_ancestors(self._chain, head, [number], budget, step.latest, step.endpoint)
        if number not in found:
            raise BudgetSpent(f"block {number}, to begin with, could not be read under the head")
        # Where reading begins may not be deep yet: what is read again below it is not either.
        deep = max(0, min(number, self._depths.deep_number(head.number, step.tagged)))
        return Progress(HeadHistory((found[number],)).add(head), scanned=number, deep=deep)

    # -- balances

    async def _read_balances(self, step: HeadStep, deep: int, budget: RequestBudget) -> bool:
        """Look at what the watches list, each once at each head.

        Returns False where too few requests were left to find out anything.
        """
        if step.head.hash != self._looked_at:
            self._looked = set()
        now = int(self._now().timestamp())
        pairs = list(
            dict.fromkeys(pair for one in self._watched for pair in one.pairs(deep, now, self._looked))
        )
        if not pairs:
            return True
        reserved = 1 if self._turn is Turn.BALANCES else FOR_WATCHES + FOR_LOGS
        share = RequestBudget(max(0, budget.left - reserved))
        for_counts = 1 if self._turn is Turn.BALANCES else self._for_counts
        given, for_counts = share.left, min(for_counts, max(0, share.left - 1))
        try:
            share.left -= for_counts
            read = await self._balances.read(pairs, step.head.id, share, of=step.endpoint)
            share.left += for_counts
            # There may be thousands; a turn of the loop is for some milliseconds only.
            await asyncio.sleep(0)
            found = [FoundBalance(*pair, read.amounts[pair]) for pair in pairs if pair in read.amounts]
            balances = await with_counts(self._chain, found, self._needs_count, step.head.id, share)
            await asyncio.sleep(0)
        except ChainError as error:
            log.debug("balances could not be read", extra={"reason": str(error)})
            return True
        finally:
            budget.left -= given - share.left
        self._for_counts = 0 if all(map(self._is_complete, balances)) else 1
        self._looked.update((one.token, one.holder) for one in balances if self._is_complete(one))
        for one in self._watched:
            one.take_balances(step.head, balances, read.faults)
        return self._for_counts == 0 and bool(balances)

    def _is_complete(self, balance: FoundBalance) -> bool:
        """Return whether its transaction count is there, if it matters: else it is looked at again soon."""
        return balance.transaction_count is not None or not self._needs_count(balance)

    def _needs_count(self, balance: FoundBalance) -> bool:
        return any(one.needs_count(balance) for one in self._watched)

    # -- the end

    async def _advance(self, progress: Progress, step: HeadStep, budget: RequestBudget) -> Progress:
        """Move the marks, as far as all up to there is known to be on the chain."""
        head, history = step.head.number, progress.history
        deep = min(progress.scanned, self._depths.deep_number(head, step.tagged))
        deep = max(progress.deep, await self._confirm(deep, step, budget))
        final = history.newest_up_to(min(deep, self._depths.final_number(head, step.tagged)))
        if final is not None and final.number > progress.final:
            progress = msgspec.structs.replace(progress, final=final.number, final_time=final.timestamp)
        kept = {number for one in self._watched for number in one.kept.numbers()}
        history = history.thinned(progress.final, kept)
        return msgspec.structs.replace(progress, history=history, deep=deep)

    async def _confirm(self, deep: int, step: HeadStep, budget: RequestBudget) -> int:
        """Ask again for the blocks of logs that get deep and were not read again.

        Gives the newest number up to which all are known.
        """
        waiting = sorted({block.number for one in self._watched for block in one.seen.unconfirmed(deep)})
        asked = waiting[:CONFIRMED_AT_ONCE] if budget.left > FOR_WATCHES else []
        if not waiting:
            return deep
        found: Mapping[int, Block] = {}
        if asked:
            with suppress(EndpointFailure, BudgetSpent):
                found = await read_ancestors(
                    self._chain, step.head, asked, budget, step.latest, step.endpoint
                )
        for block in found.values():
            for one in self._watched:
                one.seen.confirm(block.id)
        return min([deep, *(number - 1 for number in waiting if number not in found)])

    async def _finish(self, progress: Progress, step: HeadStep, budget: RequestBudget) -> Poll:
        """Let the watches take what was found, and store it all."""
        marks = Marks(
            head=step.head,
            scanned=progress.scanned,
            deep=progress.deep,
            deep_block=progress.history.newest_up_to(progress.deep),
            final=progress.final,
            final_time=progress.final_time,
        )
        reader = CountedReader(self._chain, budget, step.endpoint)
        rows = [row for one in self._watched for row in await one.take(marks, reader)]
        if rows or progress != self._stored:
            # If it fails, or is cancelled, what is stored then is what counts.
            self._is_loaded = False
            await self._memory.save(self._chain.chain_id, self._stored, progress, rows)
            self._is_loaded = True
        if progress.scanned >= step.head.number:
            self._chain.mark_steady(step.endpoint)
        oldest = first_read_again(progress)
        for one in self._watched:
            one.settle(marks, oldest)
        has_gone_on = self._progress is None or progress.scanned > self._progress.scanned
        self._stored = self._progress = progress
        self._looked_at = step.head.hash
        return Poll(marks, is_behind=has_gone_on and progress.scanned < step.head.number)
