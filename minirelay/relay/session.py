"""One client's session as a state machine without I/O (spec 01, 05).

Frames and the time come in; replies, effects and a decision to close come out. The caller that runs it
(`connection.py`) carries the effects out and reports back through the methods below `receive`.

What becomes of a message in which state is in `session_table.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from minirelay.errors import Code, MalformedInput, ProtocolViolation, Refusal, invalid, not_found
from minirelay.metrics import MessageCounts
from minirelay.protocol import envelope as wire
from minirelay.protocol.push import encode_push
from minirelay.protocol.signing import PUBLIC_KEY_BYTES, recover
from minirelay.relay.messages import (
    CancelSubscription,
    ClaimCard,
    DropSubscription,
    Effect,
    FindCard,
    HangUp,
    MoreRoom,
    NameUploadUrl,
    Send,
    Subscribe,
    Write,
)
from minirelay.relay.session_table import TRANSITIONS, Action, Report, SessionState, Trigger
from minirelay.store.messages import KeyCard


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The bounds of one session (spec 01): counts, and seconds for keep-alive."""

    open_requests: int
    unacknowledged_pushes: int
    ping_interval_s: float
    kick_timeout_s: float


@dataclass(frozen=True, slots=True)
class _Challenge:
    card: KeyCard
    text: bytes


class Session:
    """The protocol state of one connection."""

    def __init__(self, limits: SessionLimits, now: float, counts: MessageCounts | None = None) -> None:
        """limits: see there. now: a monotonic clock's time in seconds. counts: of all sessions."""
        self._counts = MessageCounts() if counts is None else counts
        self.limits = limits
        self.state = SessionState.VISITOR
        self.card: KeyCard | None = None
        self._challenge: _Challenge | None = None
        # In the order in which they came: that is the order of the answers when all are refused at once.
        self._open_requests: dict[int, None] = {}
        self._pushes: dict[int, bytes] = {}
        self._own_requests = 0
        self.last_heard = now
        """When the client last gave a sign of life, on the same clock."""
        self._last_ping = now

    # -- what comes in

    def receive(self, frame: bytes, now: float) -> list[Effect]:
        """Take one binary frame; give what is to be done because of it, in order."""
        if self.state is SessionState.CLOSED:
            return []
        self.last_heard = now
        try:
            envelope = wire.decode_client_envelope(frame)
            message = envelope.message
            self._counts.received[type(message)] += 1
            if isinstance(message, wire.Success | wire.Failure):
                return self._receive_response(envelope.request_id, message)
            return self._receive_request(envelope.request_id, message)
        except ProtocolViolation as violation:
            self._counts.violations += 1
            return [self.close(violation.close_code, violation.reason)]

    def receive_text(self) -> list[Effect]:
        """Take a text frame, which the protocol does not have."""
        if self.state is SessionState.CLOSED:
            return []
        return [self.close(1008, "text frames are not part of the protocol")]

    def heard(self, now: float) -> None:
        """Note a sign of life that is no envelope (a WebSocket ping or pong)."""
        self.last_heard = now

    def tick(self, now: float) -> list[Effect]:
        """Ping a silent client, give up on a dead one. Call it when `next_tick` says so."""
        if self.state is SessionState.CLOSED:
            return []
        silence = now - self.last_heard
        if silence >= self.limits.kick_timeout_s:
            return [self.close(1008, f"nothing heard for {self.limits.kick_timeout_s:g} seconds")]
        if now - max(self.last_heard, self._last_ping) >= self.limits.ping_interval_s:
            self._last_ping = now
            self._counts.pings += 1
            return [Send(wire.encode_ping(self._next_own_id()))]
        return []

    def next_tick(self) -> float:
        """Return the time at which `tick` is due."""
        ping = max(self.last_heard, self._last_ping) + self.limits.ping_interval_s
        return min(ping, self.last_heard + self.limits.kick_timeout_s)

    # -- what the runner reports back

    def challenge(self, request_id: int, card: KeyCard | None, is_taken: bool, text: bytes) -> list[Effect]:
        """Answer an auth request.

        card: what the store knows; is_taken: another live session has it; text: 32 random bytes.
        """
        if request_id not in self._open_requests:
            return []
        if card is None or card.is_unlinked:
            return self._take(Report.UNKNOWN_CARD, request_id, None)
        report = Report.TAKEN_CARD if is_taken else Report.FREE_CARD
        return self._take(report, request_id, _Challenge(card, text))

    def authenticate(self, request_id: int, card: KeyCard) -> list[Effect]:
        """Let the session be the card's one live session."""
        if request_id not in self._open_requests:
            return []
        return self._take(Report.CLAIMED_CARD, request_id, card)

    def answer(self, request_id: int, payload: bytes = b"") -> list[Effect]:
        """Answer a request with success. An answer that comes after the end is dropped."""
        if request_id not in self._open_requests:
            return []
        del self._open_requests[request_id]
        self._counts.answers += 1
        return [
            Send(
                wire.encode_response_payload(request_id, payload)
                if payload
                else wire.encode_response_ok(request_id)
            )
        ]

    def refuse(self, request_id: int, refusal: Refusal) -> list[Effect]:
        """Answer a request with an error."""
        if request_id not in self._open_requests:
            return []
        del self._open_requests[request_id]
        self._counts.errors += 1
        return [Send(wire.encode_response_error(request_id, refusal))]

    def refuse_all(self, refusal: Refusal) -> list[Effect]:
        """Answer everything that is still open with one error, in the order of the requests."""
        return [one for request_id in list(self._open_requests) for one in self.refuse(request_id, refusal)]

    def push(self, subscription_id: bytes, sets: tuple[bytes, ...]) -> Send:
        """Make the push of these encoded sets; the caller has looked at `free_pushes`."""
        request_id = self._next_own_id()
        self._pushes[request_id] = subscription_id
        self._counts.pushes += 1
        return Send(encode_push(request_id, subscription_id, sets), is_push=True)

    def sync_status(self, subscription_id: bytes, unpushed_patches: int) -> Send:
        """Make the message that says how much a subscription still has to get."""
        number = int.from_bytes(subscription_id, "big")
        self._counts.statuses += 1
        return Send(wire.encode_sync_status(self._next_own_id(), number, unpushed_patches))

    @property
    def free_pushes(self) -> int:
        """Return how many more pushes may be under way."""
        return self.limits.unacknowledged_pushes - len(self._pushes)

    @property
    def open_requests(self) -> int:
        """Count the client's requests that are not answered."""
        return len(self._open_requests)

    @property
    def pending(self) -> int:
        """Count the requests and pushes whose answers are awaited."""
        return len(self._open_requests) + len(self._pushes)

    def close(self, code: int, reason: str) -> HangUp:
        """End the session. code: a WebSocket close code."""
        self.state = SessionState.CLOSED
        self._open_requests.clear()
        self._pushes.clear()
        return HangUp(code, reason)

    # -- inside

    def _next_own_id(self) -> int:
        # Negative: there are clients that take any envelope with a known id for an answer (spec 01).
        self._own_requests += 1
        return -self._own_requests

    def _receive_response(self, request_id: int, response: wire.Response) -> list[Effect]:
        if not -self._own_requests <= request_id < 0:
            raise ProtocolViolation(1002, f"a response to request {request_id}, which was never made")
        subscription_id = self._pushes.pop(request_id, None)
        if subscription_id is None:
            return []
        if isinstance(response, wire.Failure):
            return [DropSubscription(subscription_id)]
        return _MORE_ROOM

    def _receive_request(self, request_id: int, message: wire.Message) -> list[Effect]:
        if request_id in self._open_requests:
            raise ProtocolViolation(1002, f"request id {request_id} is still being answered")
        if len(self._open_requests) >= self.limits.open_requests:
            surplus = Refusal(
                Code.TOO_MANY_CONCURRENT_REQUESTS,
                f"more than {self.limits.open_requests} requests are waiting for their answers",
            )
            self._counts.errors += 1
            return [Send(wire.encode_response_error(request_id, surplus))]
        self._open_requests[request_id] = None
        return self._take(type(message), request_id, message)

    def _take(self, trigger: Trigger, request_id: int, content: object) -> list[Effect]:
        """Do what the table says. content: the message, or what was found out."""
        transition = TRANSITIONS[self.state, trigger]
        if isinstance(transition.does, Refusal):
            return self.refuse(request_id, transition.does)
        if transition.then is not None:
            self.state = transition.then
        try:
            return _ACTIONS[transition.does](self, request_id, content)
        except Refusal as refusal:
            return self.refuse(request_id, refusal)

    def _find_card(self, request_id: int, message: wire.AuthenticateRequest) -> list[Effect]:
        if len(message.public_key) != PUBLIC_KEY_BYTES:
            raise invalid(f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(message.public_key)}")
        return [FindCard(request_id, message.public_key)]

    def _give_challenge(self, request_id: int, challenge: _Challenge) -> list[Effect]:
        self._challenge = challenge
        return self.answer(request_id, challenge.text)

    def _check_solution(self, request_id: int, message: wire.ChallengeSolvedRequest) -> list[Effect]:
        challenge, self._challenge = self._challenge, None
        if challenge is None:
            raise RuntimeError("who is challenged has a challenge")
        if not _is_signed_by(challenge.card.public_key, challenge.text, message.signature):
            raise not_found("the signature is not one of the challenge by this key card")
        return [ClaimCard(request_id, challenge.card)]

    def _authenticate(self, request_id: int, card: KeyCard) -> list[Effect]:
        self.card = card
        return self.answer(request_id)

    def _write(self, request_id: int, message: wire.PatchSetWriteRequest) -> list[Effect]:
        return [Write(request_id, self._authenticated_card(), message.patch_set)]

    def _name_upload_url(self, request_id: int, _message: wire.GetBlobUploadURLRequest) -> list[Effect]:
        card = self._authenticated_card()
        if card.is_guest:
            raise invalid("not allowed: only a clerk may upload")
        return [NameUploadUrl(request_id, card)]

    def _subscribe(self, request_id: int, message: wire.SubscriptionRequest) -> list[Effect]:
        return [Subscribe(request_id, self.card, message)]

    def _cancel(self, request_id: int, message: wire.SubscriptionCancelRequest) -> list[Effect]:
        return [CancelSubscription(request_id, message.subscription_id)]

    def _authenticated_card(self) -> KeyCard:
        if self.card is None:
            raise RuntimeError("who is authenticated has a card")
        return self.card


_MORE_ROOM: list[Effect] = [MoreRoom()]


def _is_signed_by(public_key: bytes, text: bytes, signature: bytes) -> bool:
    try:
        return recover(text, signature) == public_key
    except MalformedInput:
        return False


_ACTIONS: dict[Action, Callable[..., list[Effect]]] = {
    Action.FIND_CARD: Session._find_card,
    Action.CHALLENGE: Session._give_challenge,
    Action.CHECK_SOLUTION: Session._check_solution,
    Action.AUTHENTICATE: Session._authenticate,
    Action.WRITE: Session._write,
    Action.NAME_UPLOAD_URL: Session._name_upload_url,
    Action.SUBSCRIBE: Session._subscribe,
    Action.CANCEL: Session._cancel,
}
