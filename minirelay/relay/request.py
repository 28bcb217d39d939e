"""What the sequencer of a shop takes: requests that append sets to its log; and what stores these sets."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from minirelay.errors import MinirelayError
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.checkout_facts import FactsMissing
from minirelay.shop.work import Work
from minirelay.store.writes import Commit


class Request(Protocol):
    """A request that may append one or more sets to a shop's log, in one transaction.

    `decode` and `verify` need no head: the sequencer does each for several requests in a row. `judge` reads
    the head and may run beside the event loop; it changes nothing.
    """

    @property
    def size_bytes(self) -> int:
        """Return how much there is to decode and to verify; what `judge` costs, `Work` counts."""

    def decode(self) -> None:
        """Prepare `judge`, the first step. What it has against the request, `judge` says."""

    def verify(self) -> None:
        """Prepare `judge`, the second step, after `decode`."""

    def take_turn(self) -> bool:
        """Say whether it may be judged now. If not, it has left the queue, and is submitted again later."""

    def end_turn(self, missing: FactsMissing | None = None) -> None:
        """Take note that it was judged for good; or, if facts are missing, that it waits elsewhere."""

    def judge(self, head: ShopHead, loop_work: Work | None = None) -> Accepted:
        """Judge it, changing nothing; prepared or not.

        Raises FactsMissing, which `end_turn` takes, and MinirelayErrors that `refuse` takes.

        loop_work: what may be done on the event loop; beyond it WorkExceeded is raised, and it is judged
        again beside the loop. None: this is beside it.
        """

    def log_as(self, tell: Callable[[], None]) -> None:
        """Call what logs something about it, so that the lines name whose it is; from any thread."""

    def stored(self, root_hash: bytes) -> None:
        """Answer that it is done and durable. root_hash: of the shop after the last of its sets."""

    def refuse(self, error: MinirelayError) -> None:
        """Answer that it was not done: a refusal, or a StoreError if it could not be stored."""


class Committer(Protocol):
    """What a sequencer needs of the store's writer."""

    @property
    def epoch(self) -> int:
        """Count the failed transactions."""

    @property
    def is_full(self) -> bool:
        """Return whether so much waits to be written that nothing more should be judged."""

    def commit(self, commit: Commit) -> asyncio.Future[None]:
        """Queue a commit."""

    def barrier(self) -> asyncio.Future[None]:
        """Wait for what was queued so far."""
