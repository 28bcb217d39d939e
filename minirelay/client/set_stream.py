"""The sets of one subscription, across lost connections: in order, without a gap, nothing twice (spec 05).

After a connection was lost, or when more was pushed than is kept waiting, it subscribes again from the
number before the last set, which may be known by half, and leaves out what it knows by number and leaf. So
the last set comes once more; where it does not, the relay was restored from a backup that is older.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Protocol

from minirelay.client.connection import Connection
from minirelay.client.errors import (
    ConnectionLost,
    LogRestored,
    RelayMisbehaved,
    RelayRefused,
    VerificationFailed,
)
from minirelay.client.inbox import Arrival, Inbox, Overflow, SyncStatus
from minirelay.client.received import Position, only_public, without_known
from minirelay.errors import Code, MalformedInput, Refusal
from minirelay.protocol.envelope import Failure, Filter, SubscriptionRequest
from minirelay.protocol.gaps import GAP_STEP, RESTORED
from minirelay.protocol.ids import UINT256_BYTES
from minirelay.protocol.mmr import leaf_index
from minirelay.protocol.push import SequencedPartialPatchSet

MAX_REASON_BYTES = 500


class Link(Protocol):
    """The client, as a subscription sees it."""

    @property
    def is_closed(self) -> bool:
        """Return whether it was closed, for good."""

    def is_member_of(self, shop_id: int) -> bool:
        """Return whether the present session is authenticated, in this shop."""

    def connection(self) -> Connection:
        """Return the present connection. Raises ConnectionLost."""

    async def reconnect(self) -> None:
        """Connect again, and authenticate again if it was. Returns at once if it is connected."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What to subscribe to, and how. buffer_bytes: how much may wait for the consumer."""

    shop_id: int
    filters: tuple[Filter, ...]
    resume: bool
    buffer_bytes: int


class SetStream:
    """Pushed sets as they come, nothing verified. For one consumer: `peek`, then `take`."""

    def __init__(self, link: Link, options: StreamOptions, start: Position) -> None:
        """start: what is known."""
        self.unpushed: int | None = None
        """How many patches the relay has still to push, by its own last word; None before the first."""
        self.caught_up = asyncio.Event()
        """Set while `unpushed` is 0."""
        self._link = link
        self._options = options
        self._position = start
        self._last: SequencedPartialPatchSet | None = None
        self._before = 0
        """A number before `position`, in the log, with nothing of this subscription between them."""
        self._awaits_last = False
        """The relay has not shown yet, on this connection, that it still has the last set."""
        self._at_hand: tuple[SequencedPartialPatchSet, Arrival] | None = None
        self._inbox: Inbox | None = None
        self._connection: Connection | None = None
        self._sees_as_member: bool | None = None
        self._hides_private = False
        self._is_over = False

    @property
    def position(self) -> Position:
        """Return what was taken. Raises VerificationFailed if the last proof taken is none."""
        if self._last is not None:
            try:
                self._position = Position(self._last.seq, leaf_index(self._last.proofs[-1]))
            except (MalformedInput, IndexError) as error:
                raise VerificationFailed(self._last.seq, "it has no proofs") from error
        return self._position

    @property
    def sees_as_member(self) -> bool:
        """Return whether the subscription was made by a session that had authenticated in the shop."""
        return self._sees_as_member is True

    async def open(self) -> None:
        """Subscribe now, not with the first `peek`.

        Raises RelayRefused, LogRestored, ConnectionLost, RelayUnreachable.
        """
        while self._inbox is None and not self._is_over:
            try:
                await self._subscribe()
            except ConnectionLost as lost:
                await self._recover(lost)

    async def peek(self) -> SequencedPartialPatchSet | None:
        """Wait for the next set and leave it where it is; None when the subscription was cancelled.

        Raises ConnectionLost (or whatever keeps it from subscribing again), LogRestored, VerificationFailed.
        """
        while True:
            await self.open()
            inbox = self._inbox
            if inbox is None:
                return None
            try:
                arrived = await inbox.peek()
            except Overflow:
                self._inbox = None
                continue
            except ConnectionLost as lost:
                self._inbox = None
                await self._recover(lost)
                continue
            if arrived is not None:
                self._check_last(arrived)
            if isinstance(arrived, SyncStatus):
                inbox.take()
                self._note_unpushed(arrived.unpushed_patches)
            elif arrived is not None:
                fresh = self._fresh(arrived.pushed)
                if fresh is not None:
                    self._at_hand = fresh, arrived
                    return fresh
                self._remove(arrived)

    def take(self) -> None:
        """Take what `peek` gave: it is acknowledged, and known from now on."""
        if self._at_hand is not None:
            last = self._last
            (self._last, arrived), self._at_hand = self._at_hand, None
            known = self._position.seq if last is None else last.seq
            if self._last.seq > known:
                self._before = known
            self._remove(arrived)

    async def cancel(self) -> None:
        """End the subscription; a `peek` that waits gives None."""
        self._is_over = True
        inbox, self._inbox = self._inbox, None
        if inbox is None or inbox.has_ended or self._connection is None:
            return
        inbox.end(lambda: None)
        inbox.drop()
        await _cancel(self._connection, inbox)

    def reject(self, reason: str) -> None:
        """End the subscription by refusing the push that `peek` gave a set of. reason: for the relay."""
        self._is_over = True
        inbox, self._inbox = self._inbox, None
        if inbox is not None and self._connection is not None:
            text = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
            inbox.reject(Failure(Code.CLOSE_SUBSCRIPTION, text))
            self._connection.forget(inbox)

    async def _subscribe(self) -> None:
        options = self._options
        connection = self._link.connection()
        inbox = Inbox(options.buffer_bytes)
        is_member = self._link.is_member_of(options.shop_id)
        if self._sees_as_member is None:
            self._sees_as_member = is_member
        self._hides_private = is_member and not self._sees_as_member
        shop_id = options.shop_id.to_bytes(UINT256_BYTES)
        start = self._start()
        try:
            await connection.subscribe(SubscriptionRequest(shop_id, start, options.filters), inbox)
        except RelayRefused as refused:
            if refused.code == Code.NOT_FOUND and refused.message == RESTORED:
                raise LogRestored(self.position.seq) from refused
            raise
        self._awaits_last = start < self.position.seq
        if self._is_over:
            await _cancel(connection, inbox)
        else:
            self._connection, self._inbox = connection, inbox

    def _start(self) -> int:
        """Return the number to subscribe from: that of a set of the log; all before `position` is known."""
        position = self.position
        if position.leaf is not None and position.seq % GAP_STEP == 0:
            # The number before may lie in the gap of a restore.
            return self._before
        return position.start

    def _check_last(self, arrived: Arrival | SyncStatus) -> None:
        """Make sure that the last set comes again if it was asked for. Raises LogRestored."""
        if not self._awaits_last:
            return
        last = self.position.seq
        if isinstance(arrived, Arrival) and arrived.pushed.seq == last:
            self._awaits_last = False
        elif arrived.unpushed_patches == 0 if isinstance(arrived, SyncStatus) else arrived.pushed.seq > last:
            raise LogRestored(last)

    async def _recover(self, lost: ConnectionLost) -> None:
        if self._link.is_closed:
            self._is_over = True
        elif not self._is_over:
            if not self._options.resume or isinstance(lost, RelayMisbehaved):
                raise lost
            await self._link.reconnect()

    def _fresh(self, pushed: SequencedPartialPatchSet) -> SequencedPartialPatchSet | None:
        """Leave out what is known, and what a visitor does not see if it began as one's."""
        last = self._last
        is_new = pushed.seq > (self._position.seq if last is None else last.seq)
        if is_new and not self._hides_private:
            return pushed
        if last is not None and pushed.seq == last.seq and not _is_same_set(pushed, last):
            raise VerificationFailed(pushed.seq, "it is not the set that had this number before")
        try:
            fresh = pushed if is_new else without_known(pushed, self.position)
            return only_public(fresh) if fresh is not None and self._hides_private else fresh
        except (MalformedInput, Refusal) as error:
            raise VerificationFailed(pushed.seq, str(error)) from error

    def _remove(self, arrived: Arrival) -> None:
        if self._inbox is not None:
            self._inbox.take()
        if self.unpushed is not None:
            self._note_unpushed(max(0, self.unpushed - len(arrived.pushed.patches)))

    def _note_unpushed(self, count: int) -> None:
        self.unpushed = count
        if count:
            self.caught_up.clear()
        else:
            self.caught_up.set()


def _is_same_set(one: SequencedPartialPatchSet, other: SequencedPartialPatchSet) -> bool:
    return (one.header, one.signature) == (other.header, other.signature)


async def _cancel(connection: Connection, inbox: Inbox) -> None:
    # Gone with its connection, or ended by the relay in the meantime: it is over all the same.
    with contextlib.suppress(ConnectionLost):
        try:
            await connection.cancel(inbox)
        except RelayRefused as refused:
            if refused.code != Code.NOT_FOUND:
                raise
    connection.forget(inbox)
