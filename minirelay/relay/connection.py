"""Runs one session: carries its effects out, holds its subscriptions and what waits to be sent.

The web edge feeds frames in and sends what `next_frame` gives; everything happens on the event loop,
and nothing that one connection waits for keeps another one waiting.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from functools import partial
from typing import Protocol

from minirelay.errors import Code, Refusal
from minirelay.logs import bound
from minirelay.metrics import ACCEPTED, Meters
from minirelay.protocol.signing import CHALLENGE_BYTES
from minirelay.relay.backpressure import REQUEST_BYTES, Backpressure
from minirelay.relay.event_log import tells_writes
from minirelay.relay.keep_alive import KeepAlive
from minirelay.relay.limits import ConnectionLimits
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
    NameUploadUrl,
    Outcome,
    Send,
    Subscribe,
    Write,
    WriteRequest,
)
from minirelay.relay.outbox import Outbox, Room
from minirelay.relay.session import Session
from minirelay.relay.session_subscriptions import SessionSubscriptions, size_of
from minirelay.relay.session_table import SessionState
from minirelay.relay.subscription import Subscription
from minirelay.shop.access import Role
from minirelay.store.messages import KeyCard

log = logging.getLogger(__name__)

TRY_AGAIN_LATER = 1013

ENTRY_BYTES = 160
"""An open request's or an unacknowledged push's entry in the session."""


class Host(Protocol):
    """The relay, as a connection sees it."""

    @property
    def live_cards(self) -> LiveCards["Connection"]:
        """Return the key cards that have a live session."""

    async def find_card(self, public_key: bytes) -> KeyCard | None:
        """Look a key card up. Raises StoreError."""

    def release(self, connection: "Connection") -> None:
        """Forget a connection that ended; its card is free."""

    def write(self, request: WriteRequest) -> None:
        """Hand a write to the sequencer of its shop."""

    def name_upload_url(self, card: KeyCard) -> str:
        """Name a URL to upload a file to, for the card's shop. Raises Refusal."""

    def write_settled(self, card: KeyCard, outcome: Outcome) -> None:
        """Take note of what became of a write that is told, before its answer leaves."""

    def session_ended(self, hang_up: HangUp) -> None:
        """Take note of how the relay ended a session."""

    async def subscribe(self, effect: Subscribe, connection: "Connection") -> Subscription:
        """Make a subscription, not started. Raises Refusal, StoreError."""


class Connection:
    """One client's connection."""

    def __init__(
        self,
        host: Host,
        limits: ConnectionLimits,
        memory: MemoryBudget,
        *,
        clock: Callable[[], float],
        meters: Meters,
    ) -> None:
        """memory, meters: of all sessions. clock: monotonic, in seconds."""
        self.session = session = Session(limits.session, clock(), meters.messages)
        self._meters = meters
        self.account = memory.open(self._close_for_memory)
        self.backpressure = Backpressure(limits.unanswered_bytes, self.account, lambda: self.outbox.is_full)
        note = self.backpressure.note_change
        self.outbox = Outbox(limits.outbox, self.account, lambda: session.free_pushes, note)
        self.subscriptions = SessionSubscriptions(limits.subscriptions, limits.filters, self.account)
        self.hang_up: HangUp | None = None
        self.is_torn_down = False
        """The client is not waited for, to free at once what it made the relay hold."""
        self.ended = asyncio.Event()
        self._host = host
        self._clock = clock
        self._session_bytes = 0
        self._is_resting = False
        # Others settle its writes and end it, and what they log of that is this session's.
        self._context = copy_context()
        self._lookups = Lookups(self.account, self._look_up, self._refuse)
        self.keep_alive = KeepAlive(self.session, clock, self._carry_out, self.backpressure)

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

    def frames_behind(self, size_bytes: int) -> list[bytes]:
        """Take the frames that can leave with it, so many bytes at most."""
        return self.outbox.frames_behind(size_bytes)

    def sent(self, frames: Sequence[bytes]) -> None:
        """Note that frames have left."""
        self.outbox.sent(frames)

    @property
    def may_receive(self) -> bool:
        """Return whether the client's next frame should be read now; see `backpressure`."""
        return self.backpressure.may_receive

    def lost(self) -> None:
        """Take note that the client is gone, or that the connection was closed."""
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
        self.subscriptions.drop_all()
        self.outbox.withdraw_pushes()
        refusal = Refusal(Code.UNLINKED_KEYCARD, "this key card was unlinked from its account")
        self._carry_out(self.session.refuse_all(refusal))
        self.close(1008, "this key card was unlinked from its account")

    # -- its subscriptions

    def has_room(self) -> bool:
        """Return whether a push may leave now."""
        return self.outbox.has_room()

    def turn(self) -> AbstractAsyncContextManager[Room]:
        """Wait until there is room and it is this subscription's turn to read from the log."""
        return self.outbox.turn()

    def push(self, subscription_id: bytes, sets: tuple[bytes, ...]) -> None:
        """Send one push."""
        self.outbox.put(self.session.push(subscription_id, sets))
        self._account_for_session()

    def send_sync_status(self, subscription_id: bytes, unpushed_patches: int) -> None:
        """Send how much a subscription still has to get."""
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
                case NameUploadUrl():
                    self._name_upload_url(effect)
                case FindCard():
                    self._lookups.add(effect, REQUEST_BYTES)
                case ClaimCard():
                    self._claim(effect)
                case Subscribe():
                    self._lookups.add(effect, REQUEST_BYTES + size_of(effect.request))
                case CancelSubscription():
                    self._cancel(effect)
                case DropSubscription():
                    self.subscriptions.drop(effect.subscription_id)
                    self.outbox.acknowledged()
                case HangUp():
                    self._hang_up(effect)

    def _write(self, effect: Write) -> None:
        self.backpressure.took_write(len(effect.patch_set))
        settle = partial(self._settle_write, effect, self._clock())
        log_as = partial(self._log_as, effect.request_id)
        self._host.write(WriteRequest(effect.card, effect.patch_set, settle, self._has_ended, log_as))

    def _log_as(self, request_id: int, tell: Callable[[], None]) -> None:
        # A copy, since it may be a thread that logs while the loop is in this session's context.
        self._context.copy().run(_call_named, request_id, tell)

    def _name_upload_url(self, effect: NameUploadUrl) -> None:
        try:
            url = self._host.name_upload_url(effect.card)
        except Refusal as refusal:
            self._refuse(effect.request_id, refusal)
        else:
            self._carry_out(self.session.answer(effect.request_id, url.encode()))

    def _has_ended(self) -> bool:
        return self.session.state is SessionState.CLOSED

    def _settle_write(self, effect: Write, came_at: float, outcome: Outcome) -> None:
        self.backpressure.settled_write(len(effect.patch_set))
        self._note_settled(effect, outcome)
        result = outcome.code.name if isinstance(outcome, Refusal) else ACCEPTED
        self._meters.write_settled(result, self._clock() - came_at)
        if isinstance(outcome, Refusal):
            self._refuse(effect.request_id, outcome)
            return
        # The echo leaves right before the answer (spec 01, "Request rules").
        self.subscriptions.echo(effect.card.shop)
        self._carry_out(self.session.answer(effect.request_id, outcome))

    def _note_settled(self, effect: Write, outcome: Outcome) -> None:
        """Let it be logged what became of a write: as of this session, whoever settles it."""
        if tells_writes():
            self._context.run(self._note_named, effect, outcome)
        elif isinstance(outcome, Refusal):
            self._host.write_settled(effect.card, outcome)

    def _note_named(self, effect: Write, outcome: Outcome) -> None:
        with bound(request_id=effect.request_id):
            self._host.write_settled(effect.card, outcome)

    def _look_up(self, effect: FindCard | Subscribe) -> Awaitable[None]:
        return self._find_card(effect) if isinstance(effect, FindCard) else self._subscribe(effect)

    async def _find_card(self, effect: FindCard) -> None:
        card = await self._host.find_card(effect.public_key)
        is_taken = card is not None and self._host.live_cards.is_held(card)
        text = secrets.token_bytes(CHALLENGE_BYTES)
        self._carry_out(self.session.challenge(effect.request_id, card, is_taken, text))

    def _claim(self, effect: ClaimCard) -> None:
        try:
            self._host.live_cards.claim(effect.card, self)
        except Refusal as refusal:
            self._refuse(effect.request_id, refusal)
        else:
            self.account.role = Role.GUEST if effect.card.is_guest else Role.CLERK
            self._carry_out(self.session.authenticate(effect.request_id, effect.card))

    async def _subscribe(self, effect: Subscribe) -> None:
        subscribe = partial(self._host.subscribe, effect, self)
        prepared = await self.subscriptions.prepare(effect.request, subscribe)
        if self.session.state is SessionState.CLOSED:
            self.subscriptions.discard(prepared)
            return
        subscription_id = self.subscriptions.add(prepared)
        self._carry_out(self.session.answer(effect.request_id, subscription_id))
        self.send_sync_status(subscription_id, prepared.unpushed_patches)
        prepared.subscription.start()

    def _cancel(self, effect: CancelSubscription) -> None:
        try:
            self.subscriptions.cancel(effect.subscription_id)
        except Refusal as refusal:
            self._refuse(effect.request_id, refusal)
        else:
            self._carry_out(self.session.answer(effect.request_id))

    def _refuse(self, request_id: int, refusal: Refusal) -> None:
        self._carry_out(self.session.refuse(request_id, refusal))

    # -- the end

    def _hang_up(self, effect: HangUp) -> None:
        self.hang_up = effect
        self._context.run(self._host.session_ended, effect)
        self._end()
        self.outbox.close()
        self.ended.set()

    def _end(self) -> None:
        self.subscriptions.drop_all()
        self._host.release(self)
        self._account_for_session()
        self.account.end()
        self._lookups.stop()
        self.backpressure.end()
        self.keep_alive.stop()

    def _account_for_session(self) -> None:
        size_bytes = ENTRY_BYTES * self.session.pending
        if size_bytes != self._session_bytes:
            self.account.hold(size_bytes - self._session_bytes)
            self._session_bytes = size_bytes


def _call_named(request_id: int, tell: Callable[[], None]) -> None:
    with bound(request_id=request_id):
        tell()
