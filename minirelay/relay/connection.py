"""Runs one session: carries its effects out, holds its subscriptions and what waits to be sent.

The web edge feeds frames in and sends what `next_frame` gives; everything happens on the event loop,
and nothing that one connection waits for keeps another one waiting.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from minirelay.errors import Code, Refusal, StoreError, invalid, not_found
from minirelay.protocol.envelope import SubscriptionRequest
from minirelay.relay.filter_quota import FilterLimits, FilterQuota
from minirelay.relay.live_cards import LiveCards
from minirelay.relay.lookups import Lookups
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.relay.messages import (
    CancelSubscription,
    ClaimCard,
    DropSubscription,
    Effect,
    FindCard,
    HangUp,
    MoreRoom,
    Outcome,
    Send,
    Subscribe,
    Write,
    WriteRequest,
    own_fault,
)
from minirelay.relay.outbox import Outbox, OutboxLimits, Room
from minirelay.relay.session import Session, SessionLimits
from minirelay.relay.session_table import SessionState
from minirelay.relay.subscription import Subscription
from minirelay.shop.access import Role
from minirelay.store.messages import KeyCard

log = logging.getLogger(__name__)

TRY_AGAIN_LATER = 1013

# What things cost in memory, roughly.
REQUEST_BYTES = 2048
"""A request that is being answered, beside its bytes: a task, or its place in the sequencer's queue."""
WRITE_COPIES = 2
"""Of an unanswered write's bytes: as it came, and as it is pushed."""
ENTRY_BYTES = 160
"""An open request's or an unacknowledged push's entry in the session."""
SUBSCRIPTION_BYTES = 2048
FILTER_BYTES = 256
"""A subscription and each of its filters, beside the filters' ids."""

UNREADABLE = "the relay cannot read its database, try again"


class Host(Protocol):
    """The relay, as a connection sees it."""

    @property
    def live_cards(self) -> LiveCards["Connection"]:
        """Return the key cards that have a live session."""

    def random_challenge(self) -> bytes:
        """Give 32 random bytes."""

    async def find_card(self, public_key: bytes) -> KeyCard | None:
        """Look a key card up. Raises StoreError."""

    def release(self, connection: "Connection") -> None:
        """Forget a connection that ended; its card is free."""

    def write(self, request: WriteRequest) -> None:
        """Hand a write to the sequencer of its shop."""

    def write_settled(self, card: KeyCard, outcome: Outcome) -> None:
        """Take note of what became of a write, before its answer leaves."""

    def session_ended(self, hang_up: HangUp) -> None:
        """Take note of how the relay ended a session."""

    async def subscribe(self, effect: Subscribe, connection: "Connection") -> Subscription:
        """Make a subscription, not started. Raises Refusal, StoreError."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The bounds of one connection. unanswered_bytes: with such long writes unanswered, nothing is read."""

    session: SessionLimits
    outbox: OutboxLimits
    filters: FilterLimits
    subscriptions: int
    unanswered_bytes: int


class Connection:
    """One client's connection."""

    def __init__(
        self, host: Host, limits: ConnectionLimits, memory: MemoryBudget, *, clock: Callable[[], float]
    ) -> None:
        """memory: of all sessions. clock: monotonic, in seconds."""
        self.session = Session(limits.session, clock())
        self.account = memory.open(self._close_for_memory)
        self.outbox = Outbox(limits.outbox, self.account, lambda: self.session.free_pushes, self._output_left)
        self.hang_up: HangUp | None = None
        self.is_torn_down = False
        """The client is not waited for, to free at once what it made the relay hold."""
        self.ended = asyncio.Event()
        self._host = host
        self._clock = clock
        self._limits = limits
        self._subscriptions: dict[bytes, Subscription] = {}
        self._subscribing = 0
        self._filters = FilterQuota(limits.filters)
        self._filter_shares: dict[bytes, int] = {}
        self._last_subscription = 0
        self._session_bytes = 0
        self._unanswered_bytes = 0
        self._is_resting = False
        self._may_receive = asyncio.Event()
        self._lookups = Lookups(self.account)
        self._timer: asyncio.TimerHandle | None = None
        self._arm_timer()

    # -- the web edge

    def receive(self, frame: bytes) -> None:
        """Take one binary frame from the client."""
        if not self._is_resting:
            self._carry_out(self.session.receive(frame, self._clock()))

    def receive_text(self) -> None:
        """Take a text frame."""
        self._carry_out(self.session.receive_text())

    def heard(self) -> None:
        """Note a WebSocket ping or pong."""
        self.session.heard(self._clock())

    async def next_frame(self) -> bytes | None:
        """Wait for something to send; None means that `hang_up` says how to end."""
        return await self.outbox.next_frame()

    def sent(self, frame: bytes) -> None:
        """Note that a frame has left."""
        self.outbox.sent(frame)

    @property
    def unanswered_bytes(self) -> int:
        """Tell how long this client's unanswered writes are together."""
        return self._unanswered_bytes

    @property
    def may_receive(self) -> bool:
        """Say whether the client's next frame should be read now."""
        return self.hang_up is not None or not (self.outbox.is_full or self._has_much_unanswered())

    async def wait_to_receive(self) -> None:
        """Wait until enough of this client's writes are answered, and enough of its answers have left."""
        while not self.may_receive:
            self._may_receive.clear()
            await self._may_receive.wait()

    def lost(self) -> None:
        """Take note that the client is gone, or that the connection was closed."""
        if self.session.state is not SessionState.CLOSED:
            self.session.close(1000, "the client left")
        self._end()
        self.outbox.drop()

    # -- the relay

    def rest(self) -> None:
        """Take nothing more from the client; what it has asked is still answered."""
        self._is_resting = True

    def close(self, code: int, reason: str) -> None:
        """End the session from the relay's side."""
        if self.session.state is not SessionState.CLOSED:
            self._carry_out([self.session.close(code, reason)])

    def _close_for_memory(self, is_lingering: bool) -> None:
        self.is_torn_down = not is_lingering
        self.outbox.drop()
        self.close(TRY_AGAIN_LATER, "the relay is short of memory, try again later")

    def unlink(self) -> None:
        """End the session because its key card was unlinked (spec 05)."""
        if self.session.state is SessionState.CLOSED:
            return
        self._close_subscriptions()
        self.outbox.withdraw_pushes()
        refusal = Refusal(Code.UNLINKED_KEYCARD, "this key card was unlinked from its account")
        self._carry_out(self.session.refuse_all(refusal))
        self.close(1008, "this key card was unlinked from its account")

    # -- its subscriptions

    def has_room(self) -> bool:
        """Say whether a push may leave now."""
        return self.outbox.has_room()

    def turn(self) -> AbstractAsyncContextManager[Room]:
        """Wait until there is room and it is this subscription's turn to read from the log."""
        return self.outbox.turn()

    def push(self, subscription_id: bytes, sets: tuple[bytes, ...]) -> None:
        """Send one push."""
        self.outbox.put(self.session.push(subscription_id, sets))
        self._account_for_session()

    def send_sync_status(self, subscription_id: bytes, unpushed_patches: int) -> None:
        """Say how much a subscription still has to get."""
        self.outbox.put(self.session.sync_status(subscription_id, unpushed_patches))

    def fail(self, reason: str) -> None:
        """End the session because the relay can't go on with it."""
        self.close(1011, reason)

    # -- effects

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        self._account_for_session()
        for effect in effects:
            match effect:
                case Send():
                    self.outbox.put(effect)
                case MoreRoom():
                    self.outbox.acknowledged()
                case Write():
                    self._write(effect)
                case FindCard():
                    self._look_up(partial(self._find_card, effect), effect.request_id, REQUEST_BYTES)
                case ClaimCard():
                    self._claim(effect)
                case Subscribe():
                    size = REQUEST_BYTES + _size_of(effect.request)
                    self._look_up(partial(self._subscribe, effect), effect.request_id, size)
                case CancelSubscription():
                    self._cancel(effect)
                case DropSubscription():
                    self._drop(effect.subscription_id)
                    self.outbox.acknowledged()
                case HangUp():
                    self._hang_up(effect)

    def _output_left(self) -> None:
        self._may_receive.set()

    def _has_much_unanswered(self) -> bool:
        return self._unanswered_bytes >= self._limits.unanswered_bytes

    def _write(self, effect: Write) -> None:
        size = len(effect.patch_set)
        self._unanswered_bytes += size
        self.account.hold(WRITE_COPIES * size + REQUEST_BYTES)
        settle = partial(self._settle_write, effect, size)
        self._host.write(WriteRequest(effect.card, effect.patch_set, settle))

    def _settle_write(self, effect: Write, size: int, outcome: Outcome) -> None:
        self._unanswered_bytes -= size
        self.account.hold(-WRITE_COPIES * size - REQUEST_BYTES)
        self._may_receive.set()
        self._host.write_settled(effect.card, outcome)
        if isinstance(outcome, Refusal):
            self._carry_out(self.session.refuse(effect.request_id, outcome))
            return
        # The echo leaves right before the answer (spec 01, "Request rules").
        for subscription in tuple(self._subscriptions.values()):
            subscription.echo(effect.card.shop)
        self._carry_out(self.session.answer(effect.request_id, outcome))

    async def _find_card(self, effect: FindCard) -> None:
        card = await self._host.find_card(effect.public_key)
        is_taken = card is not None and self._host.live_cards.is_held(card)
        text = self._host.random_challenge()
        self._carry_out(self.session.challenge(effect.request_id, card, is_taken, text))

    def _claim(self, effect: ClaimCard) -> None:
        try:
            self._host.live_cards.claim(effect.card, self)
        except Refusal as refusal:
            self._carry_out(self.session.refuse(effect.request_id, refusal))
        else:
            self.account.role = Role.GUEST if effect.card.is_guest else Role.CLERK
            self._carry_out(self.session.authenticate(effect.request_id, effect.card))

    async def _subscribe(self, effect: Subscribe) -> None:
        if len(self._subscriptions) + self._subscribing >= self._limits.subscriptions:
            raise invalid(f"a session may hold {self._limits.subscriptions} subscriptions; cancel one")
        share = self._filters.take(effect.request.filters)
        self._subscribing += 1
        try:
            subscription = await self._host.subscribe(effect, self)
            unpushed = await subscription.count_unpushed()
        except BaseException:
            self._filters.give_back(share)
            raise
        finally:
            self._subscribing -= 1
        if self.session.state is SessionState.CLOSED:
            return
        subscription_id = subscription.subscription_id = self._free_subscription_id()
        subscription.held_bytes = _size_of(effect.request)
        self.account.hold(subscription.held_bytes)
        self._subscriptions[subscription_id] = subscription
        self._filter_shares[subscription_id] = share
        self._carry_out(self.session.answer(effect.request_id, subscription_id))
        self.send_sync_status(subscription_id, unpushed)
        subscription.start()

    def _free_subscription_id(self) -> bytes:
        while True:
            self._last_subscription = self._last_subscription % 0xFFFF + 1
            subscription_id = self._last_subscription.to_bytes(2, "big")
            if subscription_id not in self._subscriptions:
                return subscription_id

    def _cancel(self, effect: CancelSubscription) -> None:
        if len(effect.subscription_id) != 2:
            refusal = invalid(f"a subscription id has 2 bytes, not {len(effect.subscription_id)}")
        elif self._drop(effect.subscription_id):
            self._carry_out(self.session.answer(effect.request_id))
            return
        else:
            refusal = not_found("this session has no subscription with this id")
        self._carry_out(self.session.refuse(effect.request_id, refusal))

    def _drop(self, subscription_id: bytes) -> bool:
        subscription = self._subscriptions.pop(subscription_id, None)
        if subscription is None:
            return False
        self._end_subscription(subscription)
        self._filters.give_back(self._filter_shares.pop(subscription_id))
        return True

    def _look_up(self, work: Callable[[], Awaitable[None]], request_id: int, size_bytes: int) -> None:
        self._lookups.add(partial(self._answered_by, work, request_id), size_bytes)

    async def _answered_by(self, work: Callable[[], Awaitable[None]], request_id: int) -> None:
        try:
            await work()
        except Refusal as refusal:
            self._carry_out(self.session.refuse(request_id, refusal))
        except StoreError as error:
            log.error("a request could not be answered: %s", error)
            self._carry_out(self.session.refuse(request_id, invalid(UNREADABLE)))
        except Exception:  # the task's only observer
            log.exception("a request could not be answered because of a bug")
            self._carry_out(self.session.refuse(request_id, own_fault()))

    # -- the end

    def _hang_up(self, effect: HangUp) -> None:
        self.hang_up = effect
        self._host.session_ended(effect)
        self._end()
        self.outbox.close()
        self._may_receive.set()
        self.ended.set()

    def _end(self) -> None:
        self._close_subscriptions()
        self._host.release(self)
        self._account_for_session()
        self.account.end()
        self._lookups.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_subscriptions(self) -> None:
        for subscription_id in tuple(self._subscriptions):
            self._drop(subscription_id)

    def _end_subscription(self, subscription: Subscription) -> None:
        subscription.close()
        self.account.hold(-subscription.held_bytes)

    def _account_for_session(self) -> None:
        size_bytes = ENTRY_BYTES * self.session.pending
        self.account.hold(size_bytes - self._session_bytes)
        self._session_bytes = size_bytes

    def _arm_timer(self) -> None:
        due = self.session.next_tick()
        delay = max(0.0, due - self._clock())
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick, due)

    def _tick(self, due: float) -> None:
        now = self._clock()
        was_asleep = now - due > self.session.limits.ping_interval_s / 2
        if was_asleep or self._has_much_unanswered():
            # The silence is the relay's own: it did not listen. The client gets its time again.
            self.session.heard(now)
        self._carry_out(self.session.tick(now))
        if self.session.state is not SessionState.CLOSED:
            self._arm_timer()


def _size_of(request: SubscriptionRequest) -> int:
    """Estimate what a subscription costs in memory."""
    return SUBSCRIPTION_BYTES + sum(FILTER_BYTES + 2 * len(one.object_id or b"") for one in request.filters)
