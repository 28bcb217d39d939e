"""What waits to be sent to one client, and how much of it there may be (spec 01, "Request rules").

Two bounds, in bytes: with so much unsent, pushes wait in the log; with more, nothing is read from the client.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from minirelay.relay.memory_budget import Account
from minirelay.relay.messages import Send

FRAME_BYTES = 128
"""What a frame that waits costs beside its bytes."""

TIGHT_DIVISOR = 8
"""When memory is tight, pushes wait in the log at this part of their bound."""


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """push_bytes: with so much unsent, pushes wait in the log.

    answer_bytes: with so much, nothing is read from the client.
    """

    push_bytes: int
    answer_bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """What a session takes now: that many pushes, about that many bytes. Both are above 0."""

    pushes: int
    size_bytes: int


class Outbox:
    """The frames that wait to leave. A frame counts until `sent`, also while it is on its way."""

    def __init__(
        self,
        limits: OutboxLimits,
        account: Account,
        free_pushes: Callable[[], int],
        on_left: Callable[[], None],
    ) -> None:
        """account: of the session. free_pushes: how many more pushes may be on their way.

        on_left: called when there is less here.
        """
        self.limits = limits
        self._account = account
        self._free_pushes = free_pushes
        self._on_left = on_left
        self._frames: deque[Send] = deque()
        self._size_bytes = 0
        self.is_full = False
        """Whether so much waits that nothing more should be read from the client."""
        self._held_bytes = 0
        self._is_closed = False
        self._is_dropped = False
        self._output = asyncio.Event()
        self._room = asyncio.Event()
        self._reading_turn = asyncio.Lock()

    # -- what is here

    @property
    def size_bytes(self) -> int:
        """Return how many bytes have not left, those on their way included."""
        return self._size_bytes

    @property
    def frames(self) -> tuple[bytes, ...]:
        """List the frames that were not taken yet, in order."""
        return tuple(send.frame for send in self._frames)

    # -- in and out

    def put(self, send: Send) -> None:
        """Queue a frame."""
        if not self._frames:
            self._output.set()
        self._frames.append(send)
        size_bytes = len(send.frame)
        self._size_bytes += size_bytes
        self.is_full = self._size_bytes >= self.limits.answer_bytes
        self._held_bytes += size_bytes + FRAME_BYTES
        self._account.hold(size_bytes + FRAME_BYTES)

    async def next_frame(self) -> bytes | None:
        """Wait for a frame and take it; None when there will be no more."""
        while not self._frames:
            if self._is_closed:
                return None
            self._output.clear()
            await self._output.wait()
        frame = self._frames.popleft().frame
        # The transport has its own copy of it until it has left.
        self._hold(len(frame))
        return frame

    def frames_behind(self, size_bytes: int) -> list[bytes]:
        """Take the frames that wait behind one that was taken, so many bytes at most."""
        taken: list[bytes] = []
        left = size_bytes
        while self._frames and (left := left - len(self._frames[0].frame)) >= 0:
            taken.append(self._frames.popleft().frame)
        if taken:
            self._hold(sum(map(len, taken)))
        return taken

    def sent(self, frames: Sequence[bytes]) -> None:
        """Note that frames that were taken have left."""
        if self._is_dropped:
            return  # they were given back then
        size_bytes = sum(map(len, frames))
        self._hold(-2 * size_bytes - len(frames) * FRAME_BYTES)
        self._shrink(size_bytes)

    def withdraw_pushes(self) -> None:
        """Drop the pushes that were not taken yet."""
        withdrawn = [len(send.frame) for send in self._frames if send.is_push]
        self._frames = deque(send for send in self._frames if not send.is_push)
        self._hold(-sum(withdrawn) - len(withdrawn) * FRAME_BYTES)
        self._shrink(sum(withdrawn))

    def drop(self) -> None:
        """Forget all that is here, also what is on its way: no sender waits for it any more."""
        self.close()
        self._is_dropped = True
        self._frames.clear()
        self._hold(-self._held_bytes)
        self._shrink(self._size_bytes)

    def close(self) -> None:
        """Take note that what is here now is all."""
        self._is_closed = True
        self._output.set()

    def _hold(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        self._account.hold(size_bytes)

    def _shrink(self, size_bytes: int) -> None:
        self._size_bytes -= size_bytes
        self.is_full = self._size_bytes >= self.limits.answer_bytes
        self._room.set()
        self._on_left()

    # -- room for pushes

    def has_room(self) -> bool:
        """Return whether a push may be queued now."""
        return self._size_bytes < self._push_bytes and self._free_pushes() > 0

    def acknowledged(self) -> None:
        """Take note that there may be free pushes again."""
        self._room.set()

    @property
    def is_being_filled(self) -> bool:
        """Return whether a subscription has its `turn`, or waits in it for room."""
        return self._reading_turn.locked()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Room]:
        """Wait until there is room for a good part of a page, and for the turns of those who came before.

        One subscription of a session reads at a time: otherwise all would read for the same room.
        """
        async with self._reading_turn:
            while self._size_bytes > self._push_bytes // 2 or self._free_pushes() <= 0:
                await self._wait()
            yield Room(self._free_pushes(), max(1, self._push_bytes - self._size_bytes))

    @property
    def _push_bytes(self) -> int:
        most = self.limits.push_bytes
        return max(1, most // TIGHT_DIVISOR) if self._account.is_tight else most

    async def _wait(self) -> None:
        self._room.clear()
        await self._room.wait()
