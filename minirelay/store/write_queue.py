"""What waits for its transaction, and whose turn is next: commits, and between them what may wait.

What uploads store is large, and nobody waits for it as a customer does for a write. It is written in steps,
one block or one slice of a checkpoint each, and never in a transaction with commits: whatever uploads bring,
a commit waits for one step at most.
"""

import asyncio
from collections import deque
from typing import Final

import msgspec

from minirelay.store.batch import Writable

# A transaction takes no more than this, so that it stays short; a single larger commit goes alone.
MAX_BATCH_PARTS = 1024
MAX_BATCH_BYTES = 4 * 1024 * 1024

STEP_BYTES: Final = 288 * 1024
"""Of what may wait, in one transaction: a block of a file. A single larger part goes alone."""

SLICE_BYTES: Final = 512 * 1024
"""When steps have written so much, it is moved from the write-ahead log into the database: one step more."""

COMMITS_BETWEEN: Final = 4
"""So many transactions of commits go first while a step waits; then it has its turn."""


class Waiting(msgspec.Struct, frozen=True, eq=False):
    """A place in a line. part: what waits for its transaction; None: a barrier, which writes nothing.

    weight: of the part. is_probe: it is there to find out whether clients' commits could be stored.
    is_step: it may wait. moves: instead of a part, what steps have written is moved into the database.
    """

    done: asyncio.Future[None]
    part: Writable | None = None
    weight: int = 0
    is_probe: bool = False
    is_step: bool = False
    moves: bool = False


class WriteQueue:
    """Two lines: commits with barriers and probes, and steps."""

    def __init__(self) -> None:
        """Begin empty. commit_bytes: what waits in the first line or is under way."""
        self.commit_bytes = 0
        self._commits: deque[Waiting] = deque()
        self._steps: deque[Waiting] = deque()
        self._turns = 0
        self._unmoved_bytes = 0

    def __bool__(self) -> bool:
        """Return whether anything waits."""
        return bool(self._commits or self._steps)

    def add(self, waiting: Waiting) -> None:
        """Put something at the end of its line."""
        if waiting.is_step:
            self._steps.append(waiting)
        else:
            self._commits.append(waiting)
            self.commit_bytes += waiting.weight

    def take(self, *, is_failing: bool) -> list[Waiting]:
        """Take what goes into the next transaction. is_failing: commits failed, and none passed since."""
        if self._steps and (not self._commits or self._turns >= COMMITS_BETWEEN):
            self._turns = 0
            return self._take_step()
        self._turns += 1
        return self._take_commits(is_failing)

    def settle(self, batch: list[Waiting], *, is_stored: bool) -> list[Waiting]:
        """Take note of the end of a transaction; return those to be told of it.

        Those of a step are told when what it made due was moved, too, so that uploads wait for that.
        """
        if not batch[0].is_step:
            self.commit_bytes -= sum([waiting.weight for waiting in batch])
            return batch
        if batch[0].moves:
            self._unmoved_bytes = 0
        else:
            self._unmoved_bytes += sum([waiting.weight for waiting in batch])
        if not is_stored or self._unmoved_bytes < SLICE_BYTES:
            return batch
        self._steps.extendleft(
            [Waiting(waiting.done, is_step=True, moves=True) for waiting in reversed(batch)]
        )
        return []

    def drop_commits(self) -> list[Waiting]:
        """Take out all that is no step."""
        dropped = list(self._commits)
        self._commits.clear()
        self.commit_bytes = 0
        return dropped

    def _take_commits(self, is_failing: bool) -> list[Waiting]:
        batch: list[Waiting] = []
        parts = weight = 0
        while self._commits:
            following = self._commits[0]
            if batch and is_failing and (batch[0].is_probe or following.is_probe):
                break  # It goes alone: what it tries fails nobody else.
            parts += following.part is not None
            weight += following.weight
            if batch and (parts > MAX_BATCH_PARTS or weight > MAX_BATCH_BYTES):
                break
            batch.append(self._commits.popleft())
        return batch

    def _take_step(self) -> list[Waiting]:
        batch = [self._steps.popleft()]
        weight = batch[0].weight
        while self._steps and self._steps[0].moves == batch[0].moves:
            weight += self._steps[0].weight
            if weight > STEP_BYTES:
                break
            batch.append(self._steps.popleft())
        return batch
