"""What subscriptions have received that was not taken yet: bounded, in order, acknowledged when taken."""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from minirelay.client.errors import ClientError, RelayMisbehaved
from minirelay.protocol.envelope import (
    Failure,
    Response,
    SubscriptionPushRequest,
    Success,
    SyncStatusRequest,
)
from minirelay.protocol.ids import SUBSCRIPTION_ID_BYTES
from minirelay.protocol.push import SequencedPartialPatchSet

PUSH_OVERHEAD_BYTES = 512
"""What a push costs in memory beside its frame: many small ones count, too."""

LONGEST_TURN_S = 0.005
"""A consumer that never has to wait lets others have their turn this often, so that pings are answered."""

Acknowledge = Callable[[Response], None]


class Arrival(msgspec.Struct, frozen=True):
    """A patch set, or a part of one, that was pushed.

    size: what it counts in the inbox, in bytes. acknowledge: answers the push, with the last set of it;
    None with the others.
    """

    pushed: SequencedPartialPatchSet
    size: int
    acknowledge: Acknowledge | None


class SyncStatus(msgspec.Struct, frozen=True):
    """How many patches this subscription still has to get, as of here."""

    unpushed_patches: int


class Inbox:
    """Between the connection, which never waits for the consumer, and the consumer of one subscription.

    A push is acknowledged when its last set is taken, so a slow consumer slows the relay down. The protocol
    allows the relay 1024 pushes under way, which can be close to a gigabyte; what would not fit here is
    turned away, the subscription ends, and it is the consumer's business to subscribe again from where it
    is.
    """

    def __init__(self, limit_bytes: int) -> None:
        """limit_bytes: how much may wait here. A single push always fits."""
        self.subscription_id = b""
        """2 bytes, given by the connection when the relay has answered."""
        self.is_abandoned = False
        """No caller waits for it any more: it must not be given a subscription."""
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._waiting: deque[Arrival | SyncStatus] = deque()
        self._changed = asyncio.Event()
        self._end: Callable[[], ClientError | None] | None = None
        self._turn_ends = 0.0

    @property
    def has_ended(self) -> bool:
        """Return whether nothing more will come in."""
        return self._end is not None

    def put(self, sets: tuple[SequencedPartialPatchSet, ...], size: int, acknowledge: Acknowledge) -> bool:
        """Take a push in. size: of its frame. Returns False if it has no room; it is not kept then."""
        if not sets or self._end is not None:
            acknowledge(Success())
            return True
        size += PUSH_OVERHEAD_BYTES * len(sets)
        if self._bytes and self._bytes + size > self._limit_bytes:
            return False
        self._bytes += size
        *others, last = sets
        self._waiting.extend(Arrival(pushed, 0, None) for pushed in others)
        self._waiting.append(Arrival(last, size, acknowledge))
        self._changed.set()
        return True

    def put_status(self, unpushed_patches: int) -> None:
        """Take a sync status in. One right behind another replaces it, so that they can't pile up."""
        if self._waiting and isinstance(self._waiting[-1], SyncStatus):
            self._waiting.pop()
        self._waiting.append(SyncStatus(unpushed_patches))
        self._changed.set()

    def end(self, error: Callable[[], ClientError | None]) -> None:
        """Let nothing more in.

        error: makes what `peek` raises when the rest is taken; None if it ended on purpose.
        """
        if self._end is None:
            self._end = error
            self._changed.set()

    def drop(self) -> None:
        """Forget what waits. It is acknowledged, since the relay keeps count."""
        while self._waiting:
            self.take()

    async def peek(self) -> Arrival | SyncStatus | None:
        """Wait for what comes next and leave it here; None when it ended on purpose.

        Raises what it ended with.
        """
        loop = asyncio.get_running_loop()
        if self._waiting and loop.time() > self._turn_ends:
            await asyncio.sleep(0)
            self._turn_ends = loop.time() + LONGEST_TURN_S
        while not self._waiting:
            if self._end is not None:
                error = self._end()
                if error is not None:
                    raise error
                return None
            self._changed.clear()
            await self._changed.wait()
            self._turn_ends = loop.time() + LONGEST_TURN_S
        return self._waiting[0]

    def take(self) -> None:
        """Take what `peek` gave."""
        first = self._waiting.popleft()
        if isinstance(first, Arrival):
            self._bytes -= first.size
            if first.acknowledge is not None:
                first.acknowledge(Success())

    def reject(self, failure: Failure) -> None:
        """Answer the push that `peek` gave a set of with an error, which ends the subscription."""
        while self._waiting:
            first = self._waiting.popleft()
            if isinstance(first, Arrival) and first.acknowledge is not None:
                first.acknowledge(failure)
                return


class Inboxes:
    """The inboxes of one connection, by subscription id."""

    def __init__(self) -> None:
        """Begin without any."""
        self._by_id: dict[bytes, Inbox] = {}

    def register(self, inbox: Inbox, subscription_id: bytes) -> None:
        """Have pushes of a new subscription put in there. Raises RelayMisbehaved: no id, or one in use."""
        if len(subscription_id) != SUBSCRIPTION_ID_BYTES:
            raise RelayMisbehaved(f"the relay gave a subscription id of {len(subscription_id)} bytes")
        if subscription_id in self._by_id:
            raise RelayMisbehaved("the relay gave a subscription id that is in use")
        if not inbox.is_abandoned:
            inbox.subscription_id = subscription_id
            self._by_id[subscription_id] = inbox

    def forget(self, inbox: Inbox) -> None:
        """Have further pushes of a subscription that ended turned away."""
        if self._by_id.get(inbox.subscription_id) is inbox:
            del self._by_id[inbox.subscription_id]

    def deliver(self, push: SubscriptionPushRequest, size: int, acknowledge: Acknowledge) -> bool:
        """Put a push where it belongs. size: of its frame. Returns False if it is to be turned away."""
        inbox = self._by_id.get(push.subscription_id)
        if inbox is None:
            return False
        if inbox.put(push.sets, size, acknowledge):
            return True
        self.forget(inbox)
        inbox.end(Overflow)
        return False

    def note(self, status: SyncStatusRequest) -> None:
        """Put a sync status where it belongs, if that is known."""
        if status.subscription_id < 1 << 8 * SUBSCRIPTION_ID_BYTES:
            inbox = self._by_id.get(status.subscription_id.to_bytes(SUBSCRIPTION_ID_BYTES))
            if inbox is not None:
                inbox.put_status(status.unpushed_patches)

    def end(self, error: Callable[[], ClientError]) -> None:
        """Let nothing more into any of them. error: makes what each ends with."""
        for inbox in self._by_id.values():
            inbox.end(error)
        self._by_id.clear()


class Overflow(ClientError):
    """An inbox was full: its subscription has to be taken up again. Never leaves this package."""

    def __init__(self) -> None:
        """Make the error; what it says is always the same."""
        super().__init__("more was pushed than is kept waiting")
