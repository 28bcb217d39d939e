"""Guests' writes on their way to a shop's sequencer: few at a time, every guest in turn.

Anyone may be a guest of a shop, and a sequencer takes what comes in order. So that clerks never stand behind
more than a little, what guests have written waits here while enough of it is on its way; each guest's own
writes keep their order. A write of a few kilobytes may have megabytes of orders decoded and encoded: who has
written such a one has the next ones go alone.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple

from minirelay.relay.sequencer import LOOP_WORK

ON_WAY_BYTES: Final = 32 * 1024
"""So much of guests' writes is on its way at a time, or a single larger one."""

WRITE_BYTES: Final = 1024
"""What a write counts beside its size."""

HEAVY_WORK: Final = LOOP_WORK // 4
"""Of a write that is to be alone on its way, about 1 ms; what is lighter is bounded by the queue's bound."""

REMEMBERED: Final = 4096
"""Guests of a shop that wrote something heavy last."""


class _Waiting(NamedTuple):
    weight: int
    submit: Callable[[], None]
    abandon: Callable[[], None]


class GuestQueue:
    """What guests of one shop have written and is not on its way yet."""

    def __init__(self) -> None:
        """Begin empty."""
        self._on_way = 0
        self._waiting: OrderedDict[int, deque[_Waiting]] = OrderedDict()
        self._work: OrderedDict[int, int] = OrderedDict()
        self._is_heavy_on_way = False

    def submit(
        self, card_row: int, size_bytes: int, submit: Callable[[], None], abandon: Callable[[], None]
    ) -> None:
        """Hand a write on, now or when its turn comes; abandon: called instead if its session ends before.

        Once it was handed on and is on its way no more, `done` is to be called.
        """
        weight = size_bytes + WRITE_BYTES
        self._waiting.setdefault(card_row, deque()).append(_Waiting(weight, submit, abandon))
        self._hand_on()

    def done(self, size_bytes: int) -> None:
        """Take note that a write of this size was answered, or waits elsewhere."""
        self._on_way -= size_bytes + WRITE_BYTES
        self._hand_on()

    def note_work(self, card_row: int, work: int) -> None:
        """Take note of what judging a write of a guest took, in units of `shop/work.py`."""
        # A light write is no excuse for several heavy ones, and the end of a session none either.
        work = max(work, self._work.pop(card_row, 0) // 2)
        if work > HEAVY_WORK:
            self._work[card_row] = work
            if len(self._work) > REMEMBERED:
                self._work.popitem(last=False)

    def drop(self, card_row: int) -> None:
        """Abandon what waits of a guest whose session is over: nothing would bound it any more."""
        for waiting in self._waiting.pop(card_row, ()):
            waiting.abandon()

    def _hand_on(self) -> None:
        while self._waiting:
            card_row, waiting = next(iter(self._waiting.items()))
            weight, is_heavy = waiting[0].weight, card_row in self._work
            if self._on_way and (is_heavy or self._is_heavy_on_way or self._on_way + weight > ON_WAY_BYTES):
                return
            one = waiting.popleft()
            if waiting:
                self._waiting.move_to_end(card_row)
            else:
                del self._waiting[card_row]
            self._on_way += weight
            self._is_heavy_on_way = is_heavy
            one.submit()
