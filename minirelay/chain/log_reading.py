"""Which logs a poll reads: what is new, and again what is not old, since endpoints miss some (spec 07)."""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.findings import FoundLog, LogFilter
from minirelay.chain.head_tracking import HeadStep
from minirelay.chain.log_scan import LogScanner, Scanned, Stretch
from minirelay.chain.progress import Progress
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.watched import Watched

RowT = TypeVar("RowT")

log = logging.getLogger(__name__)

OVERLAP: Final = 64
"""Spec 07: so many blocks are read again at each poll."""

WIDE_INTERVAL_S: Final = 600.0
WIDE_S: Final = 600
"""Every so often, so much time of the chain is read again."""

MOST_SEEN: Final = 20_000
"""So many logs may wait for their blocks to be deep; nothing new is read beyond, until some are.

Anybody can emit events, and those of one id again and again.
"""

FOR_WATCHES: Final = 3
"""Requests of a poll that are left to the watches."""


class LogReader(Generic[RowT]):
    """Reads the logs of one chain for all that watch it."""

    def __init__(self, chain: Chain, watched: Sequence[Watched[RowT]], clock: Callable[[], float]) -> None:
        """clock: monotonic, in seconds."""
        self._watched = watched
        self._clock = clock
        self._scanner = LogScanner(chain)
        self._wide: tuple[int, int] | None = None
        self._wide_at = clock() + WIDE_INTERVAL_S

    async def read(
        self, progress: Progress, step: HeadStep, budget: RequestBudget, for_watches: int, *, is_new: bool
    ) -> Progress:
        """Read what is new, and again what is not old; then, now and then, more of what is older.

        What was found is with the watches then. for_watches: how many requests to leave to them.
        is_new: the head is not that of the poll before.
        """
        share = RequestBudget(max(0, budget.left - for_watches))
        given = share.left
        try:
            if (progress.scanned < step.head.number or is_new) and not self._is_full(progress):
                progress = await self._read_new(progress, step, share)
            if progress.scanned >= step.head.number:
                await self._read_wide(progress, step, share)
        except ChainUnreachable as error:
            # The marks stay; what else was found is taken.
            log.debug("logs could not be read", extra={"reason": str(error)})
        finally:
            budget.left -= given - share.left
        return progress

    def _is_full(self, progress: Progress) -> bool:
        """Return whether so much waits that more of it has to get deep first."""
        return progress.scanned > progress.deep and sum(len(one.seen) for one in self._watched) >= MOST_SEEN

    async def _read_new(self, progress: Progress, step: HeadStep, budget: RequestBudget) -> Progress:
        head, scanned = step.head, progress.scanned
        overlap = max(0, scanned + 1 - OVERLAP)
        fits = self._scanner.reach() > head.number - overlap
        first = overlap if fits else scanned + 1
        read = await self._scan(first, head.number, step, budget)
        if not fits and read.last >= head.number:
            await self._scan(overlap, scanned, step, budget)
        history = progress.history
        for block in read.blocks:
            history = history.add(block)
        return msgspec.structs.replace(progress, history=history, scanned=max(scanned, read.last))

    async def _read_wide(self, progress: Progress, step: HeadStep, budget: RequestBudget) -> None:
        if self._wide is None and self._clock() >= self._wide_at:
            self._wide_at = self._clock() + WIDE_INTERVAL_S
            self._wide = (first_read_again(progress), max(0, progress.scanned - OVERLAP))
        if self._wide is None:
            return
        first, last = self._wide
        read = await self._scan(first, last, step, budget)
        self._wide = None if read.last >= last else (read.last + 1, last)

    async def _scan(self, first: int, last: int, step: HeadStep, budget: RequestBudget) -> Scanned:
        filters = [one for watched in self._watched for one in watched.filters]
        if not filters or first > last:
            return Scanned(max(first - 1, last))
        stretch = Stretch(first, last, step.head, filters, self._keeps, self._ids, step.latest)
        read = await self._scanner.scan(stretch, budget, step.endpoint)
        for watched in self._watched:
            watched.seen.add(one for one in read.logs if watched.keeps(one))
        return read

    def _keeps(self, found: FoundLog) -> bool:
        return any(one.keeps(found) for one in self._watched)

    def _ids(self, log_filter: LogFilter) -> Sequence[bytes]:
        names = (log_filter.address, log_filter.id_topic)
        ids: dict[bytes, None] = {}
        for watched in self._watched:
            for one in watched.filters:
                if (one.address, one.id_topic) == names:
                    ids.update(dict.fromkeys(watched.watch.ids(one)))
        return list(ids)


def first_read_again(progress: Progress) -> int:
    """Return the first number whose logs may be read again."""
    scanned = progress.history.newest_up_to(progress.scanned)
    before = None if scanned is None else progress.history.newest_before(scanned.timestamp - WIDE_S)
    oldest = progress.history.blocks[0] if before is None else before
    return max(0, min(oldest.number, progress.scanned + 1 - OVERLAP))
