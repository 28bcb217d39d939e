"""From one poll to the next: is the head a new one, of the same fork, does it move? (spec 07 "Heads")"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec

from minirelay.chain.block import MOST, MOST_AHEAD_S, Block
from minirelay.chain.chain import Chain
from minirelay.chain.confirmations import Depths, Tag
from minirelay.chain.errors import BudgetSpent, ChainUnreachable
from minirelay.chain.head_history import SPAN, HeadHistory
from minirelay.chain.head_reading import (
    WENT_BACK,
    HeadAnswer,
    HeadQuestion,
    HeadWentBack,
    read_ancestors,
    read_head,
)
from minirelay.chain.request_budget import RequestBudget

BACK_PATIENCE_S: Final = 60.0
"""So long a head has to stay behind the one before, on all endpoints, until it is believed."""

STILL_S: Final = 120.0
"""A head that stands still for so long is compared with another endpoint's, and again after as long."""

STILL_REST_S: Final = 60.0

TAG_INTERVAL_S: Final = 30.0
NO_TAG_INTERVAL_S: Final = 3600.0
"""When a tag is asked for again that nothing depends on, and one that was not known."""

ANCESTORS_AT_ONCE: Final = 32


class HeadStep(msgspec.Struct, frozen=True):
    """A head, and what it means. endpoint: that has it.

    common: the newest number of the known blocks that are still on the chain, None if all are. tagged: by
    tag, as they were asked for last. numbered: the blocks that were asked for by number. latest: the last
    second, by the epoch, that a block may be of.
    """

    endpoint: str
    head: Block
    common: int | None
    tagged: Mapping[Tag, int | None]
    numbered: Mapping[int, Block]
    latest: int


class HeadTracker:
    """Reads the heads of one chain."""

    def __init__(
        self,
        chain: Chain,
        depths: Depths,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """now: the relay's clock. clock: monotonic, in seconds."""
        self._chain = chain
        self._depths = depths
        self._now = now
        self._clock = clock
        self._tagged: dict[Tag, int | None] = {}
        self._ask_tags_at = float("-inf")
        self._back_since: float | None = None
        self._gone_from = MOST
        self._last: int | None = None
        self._moved_at = clock()
        self._compared_at = clock()

    @property
    def latest(self) -> int:
        """Return the last second, by the epoch, that a block may be of."""
        return MOST if self._depths.is_development else int(self._now().timestamp()) + MOST_AHEAD_S

    async def read(self, history: HeadHistory, numbers: list[int], budget: RequestBudget) -> HeadStep:
        """Read the head. history: what is known. numbers: of blocks to read with it, as they are now.

        Raises ChainError.
        """
        newest = history.newest
        tags = self._tags_to_ask()
        question = HeadQuestion(newest, tags, numbers, self.latest, self._may_go_back())
        share = RequestBudget(budget.left // 2)
        given = share.left
        try:
            answer = await read_head(self._chain, question, share)
        except ChainUnreachable as error:
            self._note_unreachable(error)
            raise
        finally:
            budget.left -= given - share.left
        common = None
        if newest is not None and answer.newest != newest:
            common = await self._common(history, answer, budget)
        self._gone_from = MOST
        # Not before it is known to be of this chain.
        self._note(answer, tags)
        await self._compare_if_still(answer, budget)
        return HeadStep(
            answer.endpoint, answer.head, common, dict(self._tagged), answer.numbered, question.latest
        )

    def _tags_to_ask(self) -> tuple[Tag, ...]:
        is_by_tag = not isinstance(self._depths.confirmations, int)
        return self._depths.tags() if is_by_tag or self._clock() >= self._ask_tags_at else ()

    def _may_go_back(self) -> bool:
        waited_s = 0.0 if self._back_since is None else self._clock() - self._back_since
        return self._depths.is_development or waited_s >= BACK_PATIENCE_S

    def _note_unreachable(self, error: ChainUnreachable) -> None:
        is_back = isinstance(error, HeadWentBack)
        is_back = is_back or any(one.reason == WENT_BACK for one in self._chain.health())
        if is_back and self._back_since is None:
            self._back_since = self._clock()

    def _note(self, answer: HeadAnswer, tags: tuple[Tag, ...]) -> None:
        self._back_since = None
        if tags:
            self._tagged.update(answer.tagged)
            is_known = any(number is not None for number in answer.tagged.values())
            self._ask_tags_at = self._clock() + (TAG_INTERVAL_S if is_known else NO_TAG_INTERVAL_S)
        # By its number: another block in the same place is no step ahead.
        if answer.head.number != self._last:
            self._last = answer.head.number
            self._moved_at = self._clock()

    async def _common(self, history: HeadHistory, answer: HeadAnswer, budget: RequestBudget) -> int:
        """Find the newest known block that is still on the chain, as the endpoint of the head has it.

        What was found not to be is not asked for again by the next poll, if the budget does not last.
        """
        newest = min(answer.head.number, self._gone_from - 1)
        blocks = [block for block in reversed(history.blocks) if block.number <= newest]
        # At least once: without a known block below it, the head may be another chain's.
        for start in range(0, max(1, len(blocks)), ANCESTORS_AT_ONCE):
            some = blocks[start : start + ANCESTORS_AT_ONCE]
            numbers = [block.number for block in some]
            found = await read_ancestors(
                self._chain, answer.head, numbers, budget, self.latest, answer.endpoint
            )
            for block in some:
                if block.number not in found:
                    raise BudgetSpent("the blocks before a reorganisation were not all given")
                if found[block.number] == block:
                    return block.number
                self._gone_from = block.number
        # Another chain altogether, or one that was reorganised beyond all that is known of it.
        oldest = min(answer.head.number, history.blocks[0].number)
        return 0 if self._depths.is_development else max(0, oldest - SPAN)

    async def _compare_if_still(self, answer: HeadAnswer, budget: RequestBudget) -> None:
        """Let an endpoint rest whose head stands still while another's has moved on."""
        now = self._clock()
        is_alone = len(self._chain.health()) == 1
        if is_alone or self._depths.is_development or now - max(self._moved_at, self._compared_at) < STILL_S:
            return
        self._compared_at = now
        question = HeadQuestion(None, (), (), self.latest, may_go_back=True)
        with suppress(ChainUnreachable, BudgetSpent):
            other = await read_head(self._chain, question, budget, without=[answer.endpoint])
            if other.head.number > answer.head.number:
                reason = f"its head stands still at {answer.head.number}; another's is {other.head.number}"
                self._chain.mark_failed(answer.endpoint, reason, STILL_REST_S)
