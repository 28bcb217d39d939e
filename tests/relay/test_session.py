"""The session without I/O: every cell of its table, and what hostile frames do to it."""

import random
from dataclasses import replace

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol import envelope as wire
from minirelay.protocol.signing import PrivateKey
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
from minirelay.relay.session import Session
from minirelay.relay.session_table import (
    ALREADY_CONNECTED,
    TABLE,
    TRANSITIONS,
    UNKNOWN_CARD,
    Report,
    SessionState,
    Trigger,
)
from minirelay.store.messages import KeyCard
from tests.limits import SESSION

KEY = PrivateKey.from_bytes(bytes(31) + b"\x07")
CHALLENGE = bytes(range(32))
PUSH = wire.SubscriptionPushRequest(b"\x00\x01", ())

EXAMPLES: dict[Trigger, wire.Message] = {
    type(message): message
    for message in (
        wire.AuthenticateRequest(KEY.public_key),
        wire.ChallengeSolvedRequest(bytes(65)),
        wire.PatchSetWriteRequest(b"set"),
        wire.GetBlobUploadURLRequest(),
        wire.SubscriptionRequest(b"\x01"),
        wire.SubscriptionCancelRequest(b"\x00\x01"),
        wire.PingRequest(),
        wire.SyncStatusRequest(1, 2),
        PUSH,
    )
}


def card(*, is_guest: bool = False, is_unlinked: bool = False) -> KeyCard:
    return KeyCard(5, KEY.public_key, 1, bytes(20), is_guest, 0, is_unlinked)


def session(**limits: float) -> Session:
    return Session(replace(SESSION, **limits), now=0.0)  # type: ignore[arg-type]


def ask(one: Session, message: wire.Message, request_id: int = 1, now: float = 0.0) -> list[Effect]:
    return one.receive(wire.encode_envelope(request_id, message), now)


def sent(effects: list[Effect]) -> wire.Envelope:
    (effect,) = effects
    assert isinstance(effect, Send)
    return wire.decode_envelope(effect.frame)


def refused(effects: list[Effect]) -> wire.Failure:
    message = sent(effects).message
    assert isinstance(message, wire.Failure)
    assert message.message
    return message


def hung_up(effects: list[Effect]) -> int:
    (effect,) = effects
    assert isinstance(effect, HangUp)
    assert effect.reason
    assert len(effect.reason.encode()) <= 123
    return effect.code


def challenged(one: Session, **kind: bool) -> Session:
    ask(one, wire.AuthenticateRequest(KEY.public_key))
    one.challenge(1, card(**kind), False, CHALLENGE)
    return one


def authenticated(one: Session, **kind: bool) -> Session:
    challenged(one, **kind)
    ask(one, wire.ChallengeSolvedRequest(KEY.sign(CHALLENGE)))
    one.authenticate(1, card(**kind))
    return one


def test_auth_looks_the_card_up_and_answers_with_the_challenge() -> None:
    one = session()
    assert ask(one, wire.AuthenticateRequest(KEY.public_key)) == [FindCard(1, KEY.public_key)]
    answer = sent(one.challenge(1, card(), False, CHALLENGE))
    assert answer == wire.Envelope(1, wire.Success(CHALLENGE))
    assert one.state is SessionState.CHALLENGED


@pytest.mark.parametrize("length", [0, 32, 34, 65])
def test_a_public_key_of_another_length_is_invalid(length: int) -> None:
    assert refused(ask(session(), wire.AuthenticateRequest(bytes(length)))).code == Code.INVALID


@pytest.mark.parametrize("known", [None, card(is_unlinked=True)])
def test_an_unknown_or_unlinked_card_is_not_found(known: KeyCard | None) -> None:
    one = session()
    ask(one, wire.AuthenticateRequest(KEY.public_key))
    failure = refused(one.challenge(1, known, False, CHALLENGE))
    assert (failure.code, failure.message) == (Code.NOT_FOUND, UNKNOWN_CARD)


def test_a_card_of_another_live_session_is_already_connected() -> None:
    one = session()
    ask(one, wire.AuthenticateRequest(KEY.public_key))
    failure = refused(one.challenge(1, card(), True, CHALLENGE))
    assert (failure.code, failure.message) == (Code.ALREADY_CONNECTED, ALREADY_CONNECTED)
    assert one.state is SessionState.VISITOR


def test_an_authenticated_session_cannot_authenticate_again() -> None:
    one = authenticated(session())
    failure = refused(ask(one, wire.AuthenticateRequest(KEY.public_key)))
    assert failure.code == Code.ALREADY_AUTHENTICATED


def test_a_lookup_that_ends_after_authentication_changes_nothing() -> None:
    one = authenticated(session())
    one.receive(wire.encode_envelope(9, wire.PatchSetWriteRequest(b"")), 0)
    assert refused(one.challenge(9, card(), False, CHALLENGE)).code == Code.ALREADY_AUTHENTICATED
    assert one.state is SessionState.AUTHENTICATED


def test_asking_again_replaces_the_challenge() -> None:
    one = challenged(session())
    ask(one, wire.AuthenticateRequest(KEY.public_key), 2)
    one.challenge(2, card(), False, bytes(32))
    assert refused(ask(one, wire.ChallengeSolvedRequest(KEY.sign(CHALLENGE)), 3)).code == Code.NOT_FOUND


def test_a_right_solution_claims_the_card() -> None:
    one = challenged(session())
    assert ask(one, wire.ChallengeSolvedRequest(KEY.sign(CHALLENGE)), 2) == [ClaimCard(2, card())]
    assert sent(one.authenticate(2, card())) == wire.Envelope(2, wire.Success())
    assert one.state is SessionState.AUTHENTICATED


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(64), bytes(65), b"\xff" * 65, PrivateKey.from_bytes(b"\x01" * 32).sign(CHALLENGE)],
)
def test_a_wrong_solution_is_not_found_and_spends_the_challenge(signature: bytes) -> None:
    one = challenged(session())
    assert refused(ask(one, wire.ChallengeSolvedRequest(signature), 2)).code == Code.NOT_FOUND
    right = wire.ChallengeSolvedRequest(KEY.sign(CHALLENGE))
    assert refused(ask(one, right, 3)).code == Code.INVALID


def test_a_solution_without_a_challenge_is_invalid() -> None:
    solution = wire.ChallengeSolvedRequest(KEY.sign(CHALLENGE))
    assert refused(ask(session(), solution)).code == Code.INVALID
    assert refused(ask(authenticated(session()), solution)).code == Code.INVALID


@pytest.mark.parametrize("message", [wire.PatchSetWriteRequest(b"x"), wire.GetBlobUploadURLRequest()])
def test_writing_needs_authentication(message: wire.Message) -> None:
    assert refused(ask(session(), message)).code == Code.NOT_AUTHENTICATED
    assert refused(ask(challenged(session()), message)).code == Code.NOT_AUTHENTICATED


def test_a_write_goes_to_the_shop_of_the_card() -> None:
    one = authenticated(session())
    assert ask(one, wire.PatchSetWriteRequest(b"set"), 7) == [Write(7, card(), b"set")]
    assert sent(one.answer(7, bytes(32))) == wire.Envelope(7, wire.Success(bytes(32)))


def test_an_upload_url_is_for_clerks() -> None:
    guest = refused(ask(authenticated(session(), is_guest=True), wire.GetBlobUploadURLRequest()))
    assert (guest.code, "not allowed" in guest.message) == (Code.INVALID, True)
    clerk = authenticated(session())
    (effect,) = ask(clerk, wire.GetBlobUploadURLRequest())
    assert isinstance(effect, NameUploadUrl)
    assert effect.card == clerk.card


def test_anybody_may_subscribe_in_the_role_of_that_moment() -> None:
    request = wire.SubscriptionRequest(b"\x01")
    assert ask(session(), request) == [Subscribe(1, None, request)]
    assert ask(challenged(session()), request) == [Subscribe(1, None, request)]
    assert ask(authenticated(session()), request) == [Subscribe(1, card(), request)]


def test_anybody_may_cancel() -> None:
    assert ask(session(), wire.SubscriptionCancelRequest(b"\x00\x01")) == [CancelSubscription(1, b"\x00\x01")]


@pytest.mark.parametrize(
    ("message", "name"),
    [(wire.PingRequest(), "a ping"), (wire.SyncStatusRequest(1, 2), "a sync status"), (PUSH, "a push")],
)
def test_what_only_the_relay_sends_is_invalid(message: wire.Message, name: str) -> None:
    for one in (session(), challenged(session()), authenticated(session())):
        refusal = refused(ask(one, message))
        assert (refusal.code, refusal.message.startswith(f"{name} is for the relay")) == (Code.INVALID, True)
        assert one.state is not SessionState.CLOSED


@pytest.mark.parametrize("trigger", [one for one in TABLE if not isinstance(one, Report)])
@pytest.mark.parametrize("state", [SessionState.VISITOR, SessionState.CHALLENGED, SessionState.AUTHENTICATED])
def test_what_the_table_refuses_is_refused_and_changes_no_state(
    trigger: type[wire.Message], state: SessionState
) -> None:
    made = {SessionState.VISITOR: lambda one: one, SessionState.CHALLENGED: challenged}
    one = made.get(state, authenticated)(session())
    cell = TRANSITIONS[state, trigger]
    effects = ask(one, EXAMPLES[trigger], 77)
    if isinstance(cell.does, Refusal):
        failure = refused(effects)
        assert (failure.code, failure.message) == (cell.does.code, cell.does.message)
    assert one.state is (cell.then or state)


def test_garbage_ends_the_session() -> None:
    for frame in (b"", b"\xff\xff\xff\xff", b"\x42\x00", b"\x0a\x00\x42\x00", b"\x0a\x02\x08\x54"):
        one = session()
        assert hung_up(one.receive(frame, 0)) in (1002, 1008)
        assert one.state is SessionState.CLOSED
        assert one.receive(wire.encode_envelope(1, wire.PingRequest()), 0) == []


def test_a_text_frame_ends_the_session_once() -> None:
    one = session()
    assert hung_up(one.receive_text()) in (1002, 1008)
    assert one.receive_text() == []


def test_a_request_id_that_is_being_answered_ends_the_session() -> None:
    one = session()
    ask(one, wire.AuthenticateRequest(KEY.public_key), 4)
    assert hung_up(ask(one, wire.AuthenticateRequest(KEY.public_key), 4)) in (1002, 1008)


def test_a_request_id_may_be_used_again_once_it_is_answered() -> None:
    one = session()
    for _ in range(3):
        ask(one, wire.AuthenticateRequest(KEY.public_key), 4)
        assert refused(one.challenge(4, None, False, CHALLENGE)).code == Code.NOT_FOUND


@pytest.mark.parametrize("request_id", [-1, -(2**63), 2**63 - 1, 2, -9])
def test_any_free_request_id_but_zero_will_do(request_id: int) -> None:
    one = session()
    assert ask(one, wire.AuthenticateRequest(KEY.public_key), request_id) == [
        FindCard(request_id, KEY.public_key)
    ]
    assert sent(one.challenge(request_id, card(), False, CHALLENGE)).request_id == request_id


@pytest.mark.parametrize("request_id", [1, -1, -3, -(2**63), 2**63 - 1])
def test_a_response_to_a_request_never_made_ends_the_session(request_id: int) -> None:
    assert hung_up(ask(session(), wire.Success(), request_id)) in (1002, 1008)


def test_a_second_answer_to_the_relays_request_is_ignored() -> None:
    one = session(ping_interval_s=1)
    ping = sent(one.tick(1.0))
    assert ping.request_id < 0
    assert isinstance(ping.message, wire.PingRequest)
    for _ in range(2):
        assert ask(one, wire.Success(), ping.request_id) == []


def test_an_error_in_answer_to_a_ping_or_sync_status_is_legal() -> None:
    one = session(ping_interval_s=1)
    ping = sent(one.tick(1.0)).request_id
    status = sent([one.sync_status(b"\x00\x01", 3)])
    assert status.message == wire.SyncStatusRequest(1, 3)
    for request_id in (ping, status.request_id):
        assert ask(one, wire.Failure(Code.INVALID, "no"), request_id) == []
    assert one.state is not SessionState.CLOSED


def test_an_error_in_answer_to_a_push_ends_that_subscription_only() -> None:
    one = session()
    push = sent([one.push(b"\x00\x02", ())]).request_id
    assert ask(one, wire.Failure(Code.CLOSE_SUBSCRIPTION, "enough"), push) == [DropSubscription(b"\x00\x02")]
    assert one.state is SessionState.VISITOR


def test_pushes_are_limited_until_they_are_acknowledged() -> None:
    one = session(unacknowledged_pushes=3)
    pushes = [sent([one.push(b"\x00\x01", ())]).request_id for _ in range(3)]
    assert len(set(pushes)) == 3
    assert one.free_pushes == 0
    assert ask(one, wire.Success(), pushes[1]) == [MoreRoom()]
    assert one.free_pushes == 1


def test_the_surplus_request_is_refused_and_the_rest_goes_on() -> None:
    one = authenticated(session(open_requests=5))
    for request_id in range(10, 15):
        assert isinstance(ask(one, wire.PatchSetWriteRequest(b""), request_id)[0], Write)
    failure = refused(ask(one, wire.PatchSetWriteRequest(b""), 15))
    assert failure.code == Code.TOO_MANY_CONCURRENT_REQUESTS
    one.answer(10, b"root")
    assert isinstance(ask(one, wire.PatchSetWriteRequest(b""), 16)[0], Write)


def test_the_default_limits_are_those_of_the_spec() -> None:
    limits = SESSION
    assert (limits.open_requests, limits.unacknowledged_pushes) == (1024, 1024)
    assert (limits.ping_interval_s, limits.kick_timeout_s) == (15, 45)


def test_a_silent_client_is_pinged_once_an_interval_and_then_kicked() -> None:
    one = session(ping_interval_s=2, kick_timeout_s=6)
    assert one.next_tick() == 2
    assert one.tick(1.9) == []
    assert isinstance(sent(one.tick(2.0)).message, wire.PingRequest)
    assert one.next_tick() == 4
    assert one.tick(3.0) == []
    assert isinstance(sent(one.tick(4.0)).message, wire.PingRequest)
    assert hung_up(one.tick(6.0)) == 1008
    assert one.tick(9.0) == []


@pytest.mark.parametrize("sign", ["frame", "surplus", "pong"])
def test_anything_from_the_client_is_life(sign: str) -> None:
    one = session(ping_interval_s=2, kick_timeout_s=6)
    if sign == "pong":
        one.heard(5.0)
    elif sign == "surplus":
        ask(one, wire.PingRequest(), now=5.0)
    else:
        ask(one, wire.SubscriptionCancelRequest(b""), now=5.0)
    assert one.tick(6.0) == []
    assert one.next_tick() == 7.0


def test_answers_after_the_end_are_dropped() -> None:
    one = authenticated(session())
    ask(one, wire.PatchSetWriteRequest(b""), 3)
    one.close(1001, "the relay stops")
    assert one.answer(3, b"root") == []
    assert one.refuse(3, Refusal(Code.INVALID, "no")) == []


def test_a_lookup_that_ends_after_the_end_changes_nothing() -> None:
    one = session()
    ask(one, wire.AuthenticateRequest(KEY.public_key))
    one.close(1001, "the relay stops")
    assert one.challenge(1, card(), False, CHALLENGE) == []
    assert one.state is SessionState.CLOSED


def test_pushes_are_marked_as_such() -> None:
    one = session()
    ask(one, wire.SubscriptionRequest(b"\1"))
    assert one.push(b"\0\1", ()).is_push
    (answer,) = one.answer(1, b"\0\1")
    assert isinstance(answer, Send)
    assert not answer.is_push
    assert not one.sync_status(b"\0\1", 3).is_push


def test_unlinking_refuses_everything_that_is_open() -> None:
    one = authenticated(session())
    for request_id in (8, 3):
        ask(one, wire.PatchSetWriteRequest(b""), request_id)
    answers = one.refuse_all(Refusal(Code.UNLINKED_KEYCARD, "unlinked"))
    assert [refused([answer]).code for answer in answers] == [Code.UNLINKED_KEYCARD] * 2
    # In the order in which they were asked.
    assert [sent([answer]).request_id for answer in answers] == [8, 3]


def test_mutated_frames_never_raise() -> None:
    draw = random.Random(7)
    seeds = [
        wire.encode_envelope(1, message)
        for message in (
            wire.AuthenticateRequest(KEY.public_key),
            wire.ChallengeSolvedRequest(bytes(65)),
            wire.PatchSetWriteRequest(b"\xa3" * 40),
            wire.SubscriptionRequest(b"\x01" * 32, 5, (wire.Filter(3, bytes(8)), wire.Filter(1))),
            wire.SubscriptionCancelRequest(b"\x00\x01"),
            wire.Failure(2, "no", 7),
        )
    ]
    for _ in range(5_000):
        frame = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 4)):
            match draw.randrange(3):
                case 0:
                    frame[draw.randrange(len(frame))] = draw.randrange(256)
                case 1:
                    frame.insert(draw.randrange(len(frame) + 1), draw.randrange(256))
                case _ if len(frame) > 1:
                    del frame[draw.randrange(len(frame))]
        one = authenticated(session())
        for effect in one.receive(bytes(frame), 0):
            assert effect is not None
